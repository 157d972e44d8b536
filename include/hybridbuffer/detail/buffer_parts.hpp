#pragma once

#include <hybridbuffer/defaults.hpp>
#include <hybridbuffer/memory/memory_policy.hpp>
#include <hybridbuffer/spill/spill_policy.hpp>
#include <hybridbuffer/storage.hpp>

#include <cstdint>
#include <type_traits>

/// \file
/// Which of a buffer's parts each of the arguments is, of which some may be left out: what its deduction guides ask.

namespace hybridbuffer::inline v0_1 {

/// The parts that a buffer is composed of. Compilers name it where one of them is wrong, so it is not in `detail`.
enum class BufferPart : std::uint8_t { memory, spill, storage };

namespace detail {

/// A part that is nearly a policy counts as one, so that what it lacks is explained.
template <class P>
concept resembles_spill_policy = has_decide<P> || has_room<P> || has_settle<P>;
template <class P>
concept resembles_memory_policy = has_prepare<P> || has_commit<P> || has_chunks<P> || has_copy_out<P>;

template <class P>
inline constexpr BufferPart part_kind = resembles_memory_policy<P>  ? BufferPart::memory
                                        : resembles_spill_policy<P> ? BufferPart::spill
                                                                    : BufferPart::storage;

/// The part of that kind among `Parts`, else `Default`. Nothing but the answer is instantiated.
template <BufferPart kind, class Default, class... Parts>
struct part_or : std::type_identity<Default> {};
template <BufferPart kind, class Default, class First, class... Rest>
struct part_or<kind, Default, First, Rest...>
    : std::conditional_t<part_kind<First> == kind, std::type_identity<First>, part_or<kind, Default, Rest...>> {};

template <class... Parts>
using memory_part = typename part_or<BufferPart::memory, DefaultMemoryPolicy, Parts...>::type;
template <class... Parts>
using spill_part = typename part_or<BufferPart::spill, DefaultSpillPolicy, Parts...>::type;
template <class... Parts>
using storage_part = typename part_or<BufferPart::storage, default_storage_t<DefaultBackend>, Parts...>::type;

}  // namespace detail
}  // namespace hybridbuffer::inline v0_1
