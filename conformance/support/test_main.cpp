// The main() of every test program that brings none of its own.
#define BOOST_TEST_MODULE HybridBuffer
#include <boost/test/unit_test.hpp>
