// The translation unit that the precompiled header belongs to.
#include "test_headers.hpp"
