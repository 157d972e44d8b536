#include "clauses.hpp"

#include <hybridbuffer/conformance/clause.hpp>

#include "writer_clauses.hpp"

#include <array>
#include <span>

/// \file
/// WRITER: the rules of every writer, whether create() or append() made it.

namespace hybridbuffer::conformance::clauses {
namespace {

constexpr std::array all{
    Clause{.id = "WRITER-1",
           .rule = "the bytes written in one write() are the bytes committed, at every size",
           .look_here = "the last chunk, when it is partial or exactly full",
           .run = writer_1},
    Clause{.id = "WRITER-2",
           .rule = "a write() that succeeds has taken all of its bytes",
           .look_here = "a short count of the store that is returned as success; a write() that stops at the end of a chunk",
           .run = writer_2},
    Clause{.id = "WRITER-3",
           .rule = "however the same bytes are cut into writes, the object is the same",
           .look_here = "the flush at a chunk's boundary, off by one",
           .run = writer_3},
    Clause{.id = "WRITER-4",
           .rule = "a write() of no bytes succeeds and changes nothing, anywhere, also with a null pointer",
           .look_here = "an empty write that flushes, finalises or dereferences",
           .run = writer_4},
    Clause{.id = "WRITER-5",
           .rule = "write() neither keeps nor alters the caller's bytes",
           .look_here = "a pointer that is kept until the flush; an encryption or compression in place",
           .run = writer_5},
    Clause{.id = "WRITER-6",
           .rule = "a second close() repeats the first verdict and changes nothing",
           .look_here = "a close() that flushes or commits again; a verdict that is not kept",
           .run = writer_6},
    Clause{.id = "WRITER-7",
           .rule = "write() after close() is closed, and the object stays as it was committed",
           .look_here = "a writer without a state 'closed': bytes accepted and lost",
           .run = writer_7},
    Clause{.id = "WRITER-8",
           .rule = "a writer destroyed without close() is abandoned: nothing of it is visible",
           .look_here = "a destructor that commits, throws during unwinding, or waits",
           .run = writer_8},
    Clause{.id = "WRITER-9",
           .rule = "after a failed write() later writes and close() fail, and nothing is published",
           .look_here = "an error that is reported once and then forgotten",
           .obligation = Obligation::hooked,
           .run = writer_9},
    Clause{.id = "WRITER-10",
           .rule =
               "every lost byte is reported, by close() at the latest; after a failed close() nothing new is visible, or after timeout and "
               "unavailable nothing or the whole",
           .look_here = "the error of the last flush, of the metadata or of the commit, swallowed by close()",
           .obligation = Obligation::hooked,
           .run = writer_10},
};

}  // namespace

std::span<const Clause> writer() { return all; }

}  // namespace hybridbuffer::conformance::clauses
