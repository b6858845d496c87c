//! The header row: which column of the file holds which field.

use keel_types::dataset::COLUMNS;
use keel_types::order::excerpt;

use super::split::Splitter;

/// Most columns a file may have.
const MAX_COLUMNS: usize = 256;

// Columns in the order of `COLUMNS`, for indexing `Columns::position`.
pub(super) const ORDER_ID: usize = 0;
pub(super) const PLACED_AT: usize = 1;
pub(super) const CUSTOMER_ID: usize = 2;
pub(super) const SKU: usize = 3;
pub(super) const QUANTITY: usize = 4;
pub(super) const UNIT_PRICE: usize = 5;
pub(super) const CURRENCY: usize = 6;
pub(super) const REGION: usize = 7;

/// Where each of [`COLUMNS`] stands in the rows of one file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Columns {
    /// How many fields every row has.
    pub(super) count: usize,
    /// For each of [`COLUMNS`], the index of its field.
    pub(super) position: [usize; COLUMNS.len()],
}

impl Columns {
    /// Reads a header row, without its line end and byte order mark. `Err` says what is wrong, for people.
    pub(super) fn parse(header: &[u8]) -> Result<Self, String> {
        if let Err(error) = std::str::from_utf8(header) {
            return Err(format!(
                "it is not UTF-8 after byte {}; save the file as UTF-8",
                error.valid_up_to()
            ));
        }
        let names = names(header)?;
        let mut position = [usize::MAX; COLUMNS.len()];
        for (index, name) in names.iter().enumerate() {
            let Some(column) = COLUMNS.iter().position(|column| column == name) else { continue };
            if position[column] != usize::MAX {
                return Err(format!("it names the column {name} twice; remove one"));
            }
            position[column] = index;
        }
        let missing: Vec<_> =
            COLUMNS.iter().zip(position).filter(|(_, at)| *at == usize::MAX).map(|(name, _)| *name).collect();
        if missing.is_empty() {
            return Ok(Self { count: names.len(), position });
        }
        let found: Vec<_> = names.iter().take(16).map(|name| excerpt(name)).collect();
        let (columns, are, them) =
            if missing.len() == 1 { ("column", "is", "it") } else { ("columns", "are", "them") };
        let (missing, found) = (missing.join(", "), found.join(", "));
        Err(format!("the {columns} {missing} {are} missing (found: {found}); add {them}"))
    }
}

fn names(header: &[u8]) -> Result<Vec<String>, String> {
    let mut splitter = Splitter::new(MAX_COLUMNS);
    let fields = if header.contains(&b'"') {
        splitter.quoted(header).map_err(|_| "a quote in it is never closed; close it".to_owned())?
    } else {
        splitter.plain(header, 0, header.len())
    };
    if fields.count > MAX_COLUMNS {
        return Err(format!("it has {} columns, at most {MAX_COLUMNS} fit", fields.count));
    }
    let name = |index| String::from_utf8_lossy(fields.get(index).bytes()).trim().to_owned();
    Ok((0..fields.count).map(name).collect())
}

#[cfg(test)]
mod tests {
    use super::Columns;

    #[test]
    fn columns_are_found_in_any_order_among_others() {
        let columns = Columns::parse(
            br#"note,region,currency,unit_price_minor,"quantity", sku ,customer_id,placed_at,order_id"#,
        )
        .unwrap();
        assert_eq!((columns.count, columns.position), (9, [8, 7, 6, 5, 4, 3, 2, 1]));
    }

    #[test]
    fn a_bad_header_says_what_to_do() {
        let problem = |header: &[u8]| Columns::parse(header).unwrap_err();
        assert_eq!(
            problem(b"order_id,placed_at,customer_id,quantity,unit_price_minor,region"),
            "the columns sku, currency are missing (found: order_id, placed_at, customer_id, quantity, unit_price_minor, region); add them"
        );
        assert_eq!(
            problem(b"order_id,placed_at,customer_id,quantity,unit_price_minor,region,sku"),
            "the column currency is missing (found: order_id, placed_at, customer_id, quantity, unit_price_minor, region, sku); add it"
        );
        assert_eq!(problem(b"sku,sku"), "it names the column sku twice; remove one");
        assert_eq!(problem(b"sku,\"open"), "a quote in it is never closed; close it");
        assert_eq!(problem(b"sku\xff"), "it is not UTF-8 after byte 3; save the file as UTF-8");
        assert_eq!(problem(&[b','; 300]), "it has 301 columns, at most 256 fit");
    }
}
