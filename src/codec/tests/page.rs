//! Cutting a page changes nothing but the page, leaves whole characters, and cuts no more than it has to.

use proptest::prelude::*;

use super::arbitrary::{joined, tls_result};
use super::*;

/// A page with what JSON escapes, and with characters of every length.
fn page() -> impl Strategy<Value = String> {
    "[a-z\"\\\\\n\u{1}é€😀]{0,60}"
}

/// The longest that one character takes, `\u0001` in JSON, and the bytes that tell a length in Avro.
const SLACK: usize = 6 + 2;

/// Cuts the page of a record; the value before and after.
fn cut<T: Wire>(format: Format, cutter: &PageCutter, record: &T, excess: usize) -> (Bytes, Option<Vec<u8>>) {
    let (_, schemas) = schemas();
    run(async {
        let codec = TopicCodec::<T>::new(format, "topic", &schemas).await.unwrap();
        let value = codec.encode(record).unwrap();
        let cut = cutter.cut(&value, excess);
        (value, cut)
    })
}

fn read<T: Wire>(format: Format, value: &[u8]) -> T {
    let (_, schemas) = schemas();
    run(async { TopicCodec::<T>::new(format, "topic", &schemas).await.unwrap().decode(value).await.unwrap() })
}

fn formats() -> impl Strategy<Value = Format> {
    prop_oneof![Just(Format::Avro), Just(Format::Json)]
}

/// Checks a cut value; the page that is left.
fn check<T: Wire>(
    format: Format,
    (before, after): (Bytes, Option<Vec<u8>>),
    excess: usize,
    take_page: fn(&mut T) -> Option<String>,
) {
    let mut old: T = read(format, &before);
    let text = take_page(&mut old).unwrap_or_default();
    let Some(after) = after else {
        assert_eq!(text, "", "a page that could be cut was left");
        return;
    };
    let mut new: T = read(format, &after);
    let kept = take_page(&mut new).unwrap();
    assert!(text.starts_with(&kept));
    assert_eq!(new.to_json().unwrap(), old.to_json().unwrap(), "nothing else has changed");
    let saved = before.len() - after.len();
    assert!(kept.is_empty() || (excess..=excess + SLACK).contains(&saved), "{saved} bytes for {excess}");
}

proptest! {
    #[test]
    fn a_cut_result_differs_in_its_page_alone(
        record in tls_result(), html in prop::option::of(page()), excess in 0_usize..100, format in formats(),
    ) {
        let record = TLSResult { html, ..record };
        let values = cut(format, &PageCutter::of_results(format), &record, excess);
        check(format, values, excess, |record: &mut TLSResult| record.html.take());
    }

    #[test]
    fn a_cut_joined_record_differs_in_its_page_alone(
        (_, mut record) in joined(), html in page(), excess in 0_usize..100, format in formats(),
    ) {
        if let Some(tls) = &mut record.tls_result {
            tls.html = Some(html);
        }
        let values = cut(format, &PageCutter::of_joined(format), &record, excess);
        check(format, values, excess, |record: &mut AllCollectedData| record.tls_result.as_mut()?.html.take());
    }

    #[test]
    fn what_is_no_value_of_ours_is_left_alone(value in prop::collection::vec(any::<u8>(), 0..40), format in formats()) {
        prop_assert_eq!(PageCutter::of_joined(format).cut(&value, 1), None);
    }
}

/// Foreign JSON may write any character as an escape; none is cut in two.
#[test]
fn escapes_stay_whole() {
    let cutter = PageCutter::of_results(Format::Json);
    let value = r#"{"html" : "a\u20ac\ud83d\ude00\nb", "newer":[1]}"#;
    let inside = r"a\u20ac\ud83d\ude00\nb";
    for (kept, left) in
        [(21, r"a\u20ac\ud83d\ude00\n"), (20, r"a\u20ac\ud83d\ude00"), (18, r"a\u20ac"), (6, "a"), (0, "")]
    {
        let cut = cutter.cut(value.as_bytes(), inside.len() - kept).unwrap();
        let expected = value.replace(inside, left);
        assert_eq!(String::from_utf8(cut).unwrap(), expected, "{kept}");
    }
}
