#include <boost/test/unit_test.hpp>

#include <hybridbuffer/backend/any.hpp>
#include <hybridbuffer/backend/file.hpp>
#include <hybridbuffer/backend/memory.hpp>
#include <hybridbuffer/detail/forwarded_capabilities.hpp>

#include "../../docs/examples/minimal_backend.hpp"
#include "../buffer/odd_backends.hpp"

#include <cstdint>
#include <type_traits>
#include <utility>

// What a wrapper declares, and which members it has.

namespace {

using namespace hybridbuffer;
using detail::ForwardedCapabilities;

struct NoMap {
  static constexpr Capabilities declared(Capabilities inner) noexcept { return inner.without(Capability::map); }
};
struct AppendAlways {
  static constexpr Capabilities declared(Capabilities inner) noexcept {
    return inner.common_with({Capability::shrink}).with(Capability::append);
  }
};
struct Both {
  static constexpr Capabilities declared(Capabilities first, Capabilities second) noexcept { return first.common_with(second); }
};

/// Only what is asked about here.
template <class Rule, storage_backend Inner>
class Wrapper : public ForwardedCapabilities<Rule, Inner> {
  using Declares = ForwardedCapabilities<Rule, Inner>;

 public:
  explicit Wrapper(Inner inner) : Declares{inner}, inner_{std::move(inner)} {}
  [[nodiscard]] Result<void> shrink(std::uint64_t n)
    requires(Declares::may(Capability::shrink))
  {
    return inner_.shrink(n);
  }
  [[nodiscard]] bool may_shrink() const { return Declares::declares(Capability::shrink); }

 private:
  Inner inner_;
};

template <class... Inner>
struct Pair : ForwardedCapabilities<Both, Inner...> {
  explicit Pair(const Inner&... inner) : ForwardedCapabilities<Both, Inner...>{inner...} {}
};

using Minimal = examples::VectorBackend;
using NothingAtRunTime = testing::NothingAtRunTime;
using SomeAtRunTime = testing::SomeAtRunTime;

template <class B>
constexpr bool has_shrink = requires(B& b) { b.shrink(0); };

using enum Capability;
static_assert(Wrapper<NoMap, FileBackend>::capabilities() == FileBackend::capabilities().without(Capability::map));
static_assert(Wrapper<AppendAlways, Minimal>::capabilities() == Capabilities{append});
static_assert(has_shrink<Wrapper<NoMap, MemoryBackend>> && !has_shrink<Wrapper<NoMap, Minimal>>);
static_assert(has_shrink<Wrapper<NoMap, NothingAtRunTime>>, "whatever may be declared at run time is there to be called");
static_assert(detail::declares_at_compile_time<Wrapper<NoMap, Minimal>> && detail::declares_at_run_time<Wrapper<NoMap, SomeAtRunTime>>);
static_assert(std::is_empty_v<ForwardedCapabilities<NoMap, FileBackend>>, "what is known at compile time takes no room");

/// Keeps secrets, as one knows at compile time; and as it says itself.
struct Secret : Minimal {
  using Minimal::Minimal;
  [[nodiscard]] static constexpr bool keeps_secrets() noexcept { return true; }
};
struct MaybeSecret : Minimal {
  explicit MaybeSecret(bool is_secret) : secret{is_secret} {}
  [[nodiscard]] bool keeps_secrets() const noexcept { return secret; }
  bool secret;
};
struct SecretRule : NoMap {
  [[nodiscard]] static constexpr bool keeps_secrets() noexcept { return true; }
};
static_assert(Wrapper<NoMap, Secret>::keeps_secrets() && !Wrapper<NoMap, Minimal>::keeps_secrets());
static_assert(Wrapper<SecretRule, Minimal>::keeps_secrets() && Wrapper<SecretRule, MaybeSecret>::keeps_secrets());
static_assert(Pair<Pair<Secret, Minimal>, Minimal>::keeps_secrets(), "however deep");
static_assert(Pair<Minimal, Secret>::keeps_secrets() && Pair<Secret, MaybeSecret>::keeps_secrets());
static_assert(detail::tells_secrecy_at_run_time<Wrapper<NoMap, MaybeSecret>>);
static_assert(detail::declares_at_compile_time<Wrapper<NoMap, MaybeSecret>>);
static_assert(Pair<FileBackend, Minimal>::capabilities() == Capabilities{});
static_assert(detail::declares_at_run_time<Pair<FileBackend, SomeAtRunTime>>);

static_assert(std::is_same_v<detail::reader_at_of<FileBackend>, FileReaderAt>);
static_assert(std::is_same_v<detail::reader_at_of<Minimal>, detail::NoHandle>);
static_assert(std::is_same_v<detail::appender_of<Minimal>, detail::NoHandle>);
static_assert(std::is_same_v<detail::window_of<FileBackend>, FileWindow>);
static_assert(detail::tells_size<FileReaderAt> && !detail::tells_size<Minimal::Reader>);
static_assert(detail::tells_size<testing::SnapshotReaderAt::ReaderAt>, "a plain number will do");

}  // namespace

BOOST_AUTO_TEST_SUITE(forwarding)

BOOST_AUTO_TEST_CASE(what_an_inner_backend_declares_at_run_time_is_declared_at_run_time) {
  const Wrapper<NoMap, SomeAtRunTime> some{SomeAtRunTime{}};
  const Wrapper<NoMap, NothingAtRunTime> nothing{NothingAtRunTime{}};

  BOOST_TEST((some.capabilities() == testing::SomeAtRunTime::declared()));
  BOOST_TEST((nothing.capabilities() == Capabilities{}));
  BOOST_TEST(!some.may_shrink());
}

BOOST_AUTO_TEST_CASE(of_two_inner_backends_one_at_run_time_is_enough) {
  const SomeAtRunTime some;
  const MemoryBackend memory;
  const Pair<MemoryBackend, SomeAtRunTime> pair{memory, some};

  BOOST_TEST((pair.capabilities() == MemoryBackend::capabilities().common_with(testing::SomeAtRunTime::declared())));
}

BOOST_AUTO_TEST_CASE(a_wrapper_keeps_secrets_when_the_backend_in_it_says_so) {
  for (const bool secret : {true, false}) {
    const Wrapper<NoMap, MaybeSecret> wrapper{MaybeSecret{secret}};
    const Pair<Minimal, MaybeSecret> pair{Minimal{}, MaybeSecret{secret}};
    const AnyBackend any{MaybeSecret{secret}};
    const Wrapper<NoMap, AnyBackend> again{AnyBackend{MaybeSecret{secret}}};

    BOOST_TEST(wrapper.keeps_secrets() == secret);
    BOOST_TEST(pair.keeps_secrets() == secret);
    BOOST_TEST(any.keeps_secrets() == secret);
    BOOST_TEST(again.keeps_secrets() == secret);
  }
  BOOST_TEST(AnyBackend{Secret{}}.keeps_secrets());
  AnyBackend any{Secret{}};
  const AnyBackend moved = std::move(any);
  BOOST_TEST(moved.keeps_secrets());
  BOOST_TEST(!any.keeps_secrets());  // NOLINT(bugprone-use-after-move): it holds nothing
  BOOST_TEST(!AnyBackend{}.keeps_secrets());
}

BOOST_AUTO_TEST_CASE(what_the_wrapper_declares_at_run_time_survives_a_move) {
  Wrapper<NoMap, SomeAtRunTime> some{SomeAtRunTime{}};

  const Wrapper<NoMap, SomeAtRunTime> moved{std::move(some)};

  BOOST_TEST((moved.capabilities() == testing::SomeAtRunTime::declared()));
}

BOOST_AUTO_TEST_SUITE_END()
