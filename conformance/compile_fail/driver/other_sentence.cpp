// Expect: a sentence that no compiler says
int illegal = EITHER(undeclared, 1);
