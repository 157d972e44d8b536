// Expect: EITHER
int illegal = EITHER(undeclared, 1);
