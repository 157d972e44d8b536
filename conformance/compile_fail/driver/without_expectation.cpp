int illegal = EITHER(undeclared, 1);
