#pragma once

#include <hybridbuffer/conformance/context.hpp>

/// \file
/// The clauses of WRITER: the bytes that are taken, the end of a writer, and faults.

namespace hybridbuffer::conformance::clauses {

void writer_1(Context& c);
void writer_2(Context& c);
void writer_3(Context& c);
void writer_4(Context& c);
void writer_5(Context& c);
void writer_6(Context& c);
void writer_7(Context& c);
void writer_8(Context& c);
void writer_9(Context& c);
void writer_10(Context& c);

}  // namespace hybridbuffer::conformance::clauses
