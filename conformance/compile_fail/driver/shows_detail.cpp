// Expect: hybridbuffer::detail
namespace hybridbuffer::detail {
struct Hidden;
}  // namespace hybridbuffer::detail
int illegal = EITHER(hybridbuffer::detail::Hidden::value, 1);
