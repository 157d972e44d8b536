// STXXL on the workloads of workloads.hpp, as C++14: it does not compile as anything later. A vector of bytes in external memory, which a
// buffered writer fills.

#include "workloads.hpp"

#include <cstring>
#include <memory>
#include <stxxl/bits/containers/vector.h>
#include <stxxl/bits/mng/config.h>

namespace {

/// STXXL's containers hold records of one size; all volumes here are multiples of this one.
struct Record {
  char bytes[16];
};
using Records = stxxl::VECTOR_GENERATOR<Record, 4, 8, 64 * 1024>::result;  // 2 MiB of memory, as the others have

class Stxxl {
 public:
  explicit Stxxl(std::size_t size) : count_{static_cast<std::ptrdiff_t>(size / sizeof(Record))} {
    records_.resize(size / sizeof(Record));
    writer_.reset(new Records::bufwriter_type{records_.begin(), 2});
  }
  ~Stxxl() { writer_.reset(); }
  Stxxl(const Stxxl&) = delete;
  Stxxl& operator=(const Stxxl&) = delete;

  void append(const char* data, std::size_t size) {
    Record record;
    for (std::size_t i = 0; i != size; i += sizeof(Record)) {
      std::memcpy(&record, data + i, sizeof(Record));
      *writer_ << record;
    }
  }
  void flush() {
    writer_->finish();
    writer_.reset();
  }
  void rewind() { reader_.reset(new Records::bufreader_type{records_.begin(), records_.begin() + count_, 2}); }
  std::size_t read(char* data, std::size_t size) {
    std::size_t count = 0;
    for (; count != size && !reader_->empty(); count += sizeof(Record), ++*reader_) {
      const Record record = **reader_;
      std::memcpy(data + count, &record, sizeof(Record));
    }
    return count;
  }
  void read_at(std::uint64_t offset, char* data, std::size_t size) {
    const Records& records = records_;
    auto from = records.begin() + static_cast<std::ptrdiff_t>(offset / sizeof(Record));
    std::size_t skipped = offset % sizeof(Record);
    for (std::size_t done = 0; done != size; ++from, skipped = 0) {
      const Record record = *from;
      const std::size_t count = std::min(sizeof(Record) - skipped, size - done);
      std::memcpy(data + done, record.bytes + skipped, count);
      done += count;
    }
  }

 private:
  std::ptrdiff_t count_;
  Records records_;
  std::unique_ptr<Records::bufwriter_type> writer_;
  std::unique_ptr<Records::bufreader_type> reader_;
};

}  // namespace

int main() {
  stxxl::disk_config disk{peers::directory() + "/hybridbuffer-peer-stxxl", 1024 * peers::mebibyte, "syscall autogrow unlink"};
  disk.direct = stxxl::disk_config::DIRECT_OFF;
  stxxl::config::get_instance()->add_disk(disk);
  peers::run_all<Stxxl>("STXXL");
}
