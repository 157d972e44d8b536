// Expect: undeclared
int illegal = EITHER(undeclared, undeclared);
