// Expect: anything
int legal = EITHER(0, 1);
