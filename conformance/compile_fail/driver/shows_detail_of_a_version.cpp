// Expect: Hidden
namespace hybridbuffer::inline v9_9::detail {
struct Hidden;
}  // namespace hybridbuffer::inline v9_9::detail
int illegal = EITHER(hybridbuffer::detail::Hidden::value, 1);
