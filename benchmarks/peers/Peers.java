import java.io.File;
import java.io.IOException;
import java.io.InputStream;
import java.io.RandomAccessFile;
import java.lang.management.ManagementFactory;
import java.util.Arrays;
import org.apache.commons.io.output.DeferredFileOutputStream;

/** Commons IO's DeferredFileOutputStream on the workloads of workloads.hpp. Its file is deleted by whoever uses it. */
public final class Peers {
  private static final int KIB = 1 << 10;
  private static final int MIB = 1 << 20;
  private static final int THRESHOLD = 2 * MIB;

  private interface Run {
    void run() throws IOException;
  }

  private static File directory() {
    String named = System.getenv("TMPDIR");
    return new File(named != null && !named.isEmpty() ? named : "/var/tmp");
  }

  private static DeferredFileOutputStream make() {
    return new DeferredFileOutputStream(THRESHOLD, "hybridbuffer-peer", ".tmp", directory());
  }

  private static void remove(DeferredFileOutputStream stream) throws IOException {
    File file = stream.getFile();
    if (file != null && !file.delete()) throw new IOException("cannot delete " + file);
  }

  private static void measure(String workload, int operations, Run run) throws IOException {
    // More than one round first: what runs is compiled while it runs.
    for (int i = 0; i < 3; ++i) run.run();
    var threads = ManagementFactory.getThreadMXBean();
    double[] times = new double[3];
    for (int i = 0; i < times.length; ++i) {
      long begin = threads.getCurrentThreadCpuTime();
      run.run();
      times[i] = threads.getCurrentThreadCpuTime() - begin;
    }
    Arrays.sort(times);
    System.out.printf("DeferredFileOutputStream\t%s\t%.3f%n", workload, times[1] / operations);
  }

  private static void fill(DeferredFileOutputStream stream, int piece, int size) throws IOException {
    byte[] block = new byte[piece];
    Arrays.fill(block, (byte) 'x');
    for (int done = 0; done < size; done += piece) stream.write(block);
    stream.close();
  }

  private static void append(String workload, int piece, int size) throws IOException {
    measure(workload, size / piece, () -> {
      var stream = make();
      fill(stream, piece, size);
      remove(stream);
    });
  }

  public static void main(String[] arguments) throws IOException {
    append("A1", 16, MIB);
    append("S1", 64 * KIB, 256 * MIB);
    append("S2.16", 16, 64 * MIB);
    append("S2.512", 512, 64 * MIB);

    var full = make();
    fill(full, 64 * KIB, 256 * MIB);
    byte[] out = new byte[64 * KIB];
    measure("R1", 4096, () -> {
      long seen = 0;
      try (InputStream input = full.toInputStream()) {
        for (int count = input.read(out); count > 0; count = input.read(out)) seen += count;
      }
      if (seen != 256L * MIB) throw new IOException("read back " + seen);
    });
    try (var file = new RandomAccessFile(full.getFile(), "r")) {
      measure("R3", 4096, () -> {
        long random = 42;
        for (int i = 0; i < 4096; ++i) {
          random = random * 6364136223846793005L + 1442695040888963407L;
          file.seek((random >>> 20) % (256L * MIB - 4096));
          file.readFully(out, 0, 4096);
        }
      });
    }
    remove(full);
    measure("L1", 500, () -> {
      for (int i = 0; i < 500; ++i) {
        var stream = make();
        fill(stream, KIB, KIB);
        try (InputStream input = stream.toInputStream()) {
          if (input.read(out) != KIB) throw new IOException("read 1 KiB");
        }
      }
    });
  }
}
