//! Rust's SpooledTempFile on the workloads of workloads.hpp.

use std::io::{Read, Result, Seek, SeekFrom, Write};
use tempfile::{spooled_tempfile, SpooledTempFile};

const KIB: usize = 1 << 10;
const MIB: usize = 1 << 20;
const THRESHOLD: usize = 2 * MIB;

#[repr(C)]
struct TimeSpec {
    seconds: i64,
    nanoseconds: i64,
}
extern "C" {
    fn clock_gettime(clock: i32, time: *mut TimeSpec) -> i32;
}
const THREAD_CPU_TIME: i32 = 3;

fn nanoseconds() -> f64 {
    let mut now = TimeSpec { seconds: 0, nanoseconds: 0 };
    // SAFETY: the layout is that of struct timespec on 64-bit Linux.
    assert_eq!(unsafe { clock_gettime(THREAD_CPU_TIME, &mut now) }, 0);
    now.seconds as f64 * 1e9 + now.nanoseconds as f64
}

fn measure(workload: &str, operations: usize, mut run: impl FnMut() -> Result<()>) -> Result<()> {
    run()?;
    let mut times = Vec::new();
    for _ in 0..3 {
        let begin = nanoseconds();
        run()?;
        times.push(nanoseconds() - begin);
    }
    times.sort_by(f64::total_cmp);
    println!("SpooledTempFile\t{}\t{:.3}", workload, times[1] / operations as f64);
    Ok(())
}

fn fill(file: &mut SpooledTempFile, piece: usize, size: usize) -> Result<()> {
    let block = vec![b'x'; piece];
    for _ in 0..size / piece {
        file.write_all(&block)?;
    }
    file.flush()
}

fn append(workload: &str, piece: usize, size: usize) -> Result<()> {
    measure(workload, size / piece, || fill(&mut spooled_tempfile(THRESHOLD), piece, size))
}

fn main() -> Result<()> {
    append("A1", 16, MIB)?;
    append("S1", 64 * KIB, 256 * MIB)?;
    append("S2.16", 16, 64 * MIB)?;
    append("S2.512", 512, 64 * MIB)?;
    let mut out = vec![0; 64 * KIB];
    let mut full = spooled_tempfile(THRESHOLD);
    fill(&mut full, 64 * KIB, 256 * MIB)?;
    measure("R1", 4096, || {
        full.seek(SeekFrom::Start(0))?;
        let mut seen = 0;
        loop {
            match full.read(&mut out)? {
                0 => break,
                count => seen += count,
            }
        }
        assert_eq!(seen, 256 * MIB);
        Ok(())
    })?;
    measure("R3", 4096, || {
        let mut random: u64 = 42;
        for _ in 0..4096 {
            random = random.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
            full.seek(SeekFrom::Start((random >> 20) % (256 * MIB - 4096) as u64))?;
            full.read_exact(&mut out[..4096])?;
        }
        Ok(())
    })?;
    measure("L1", 500, || {
        for _ in 0..500 {
            let mut file = spooled_tempfile(THRESHOLD);
            fill(&mut file, KIB, KIB)?;
            file.seek(SeekFrom::Start(0))?;
            file.read_exact(&mut out[..KIB])?;
        }
        Ok(())
    })
}
