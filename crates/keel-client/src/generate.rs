//! Deterministic test data: order lines with a stated share of bad rows.

use std::io::{self, Write};

use keel_types::dataset::COLUMNS;

/// What to generate.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct DatasetSpec {
    /// Rows, good and bad.
    pub rows: u64,
    /// The same seed gives the same bytes.
    pub seed: u64,
    /// Share of bad rows, 0.0 to 1.0; the count is rounded down.
    pub bad_share: f64,
}

/// What was generated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Generated {
    /// Rows, good and bad.
    pub rows: u64,
    /// Bad rows.
    pub bad_rows: u64,
    /// Bytes written.
    pub bytes: u64,
}

/// Writes a dataset to `out`.
///
/// # Errors
/// Those of `out`.
pub fn generate(spec: &DatasetSpec, mut out: impl Write) -> io::Result<Generated> {
    let bad = (spec.rows as f64 * spec.bad_share.clamp(0.0, 1.0)) as u64;
    let header = format!("{}\n", COLUMNS.join(","));
    out.write_all(header.as_bytes())?;
    let mut done = Generated { rows: spec.rows, bad_rows: 0, bytes: header.len() as u64 };
    let mut state = spec.seed;
    for row in 0..spec.rows {
        // Bad rows are spread evenly: one whenever the share crosses a whole number.
        let wants_bad = share(row + 1, bad, spec.rows) > share(row, bad, spec.rows);
        done.bad_rows += u64::from(wants_bad);
        let quantity = if wants_bad { "none".to_owned() } else { (1 + random(&mut state) % 9).to_string() };
        let line = format!(
            "ORDER-{row},2026-{:02}-{:02}T{:02}:{:02}:00Z,C-{},SKU-{:03},{quantity},{},EUR,{}\n",
            7 + random(&mut state) % 3,
            1 + random(&mut state) % 30,
            random(&mut state) % 24,
            random(&mut state) % 60,
            random(&mut state) % 20_000,
            random(&mut state) % 200,
            100 + random(&mut state) % 20_000,
            ["north", "east", "south", "west"][(random(&mut state) % 4) as usize],
        );
        done.bytes += line.len() as u64;
        out.write_all(line.as_bytes())?;
    }
    out.flush()?;
    Ok(done)
}

fn share(row: u64, bad: u64, rows: u64) -> u128 {
    u128::from(row) * u128::from(bad) / u128::from(rows.max(1))
}

/// SplitMix64.
fn random(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
    let mut z = *state;
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}
