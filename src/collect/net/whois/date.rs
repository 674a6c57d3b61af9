//! Dates of WHOIS answers in the form of ISO 8601 that asyncwhois gives (`isoformat` of Python), as far as they can be
//! read without guessing.
//!
//! Reads year-month-day in most spellings, day first with dots, hyphens and slashes, and months by name. A time zone by
//! name is left out rather than guessed, unless there is only one of that name.

const MONTHS: [&str; 12] =
    ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];

/// Zones that are called by name, and their offsets.
const ZONES: [(&str, &str); 6] =
    [("UTC", ""), ("GMT", ""), ("JST", "+09:00"), ("KST", "+09:00"), ("MSK", "+03:00"), ("EEST", "+03:00")];

/// `2001-02-03T04:05:06`, perhaps with a fraction and an offset; midnight if no time is told. `None` if it is no date.
pub fn iso(text: &str) -> Option<String> {
    // Numbers of requests stand behind dates.
    let text = text.split(" #").next().unwrap_or(text);
    let (date, time) = split(text.trim());
    let date = date.split(" (").next().unwrap_or_default();
    let parts: Vec<&str> =
        date.split(|c: char| !c.is_alphanumeric()).filter(|part| !part.is_empty()).collect();
    // Words around a date: the weekday, "before".
    let word = |part: &&&str| part.starts_with(|c: char| c.is_ascii_digit()) || month(part).is_some();
    let parts: Vec<&str> = parts.iter().filter(word).copied().collect();
    let (year, month, day) = match parts.as_slice() {
        [compact] if compact.len() == 8 => {
            (compact.get(..4)?, number(compact.get(4..6)?)?, compact.get(6..)?)
        }
        [year, middle, day] if year.len() == 4 && number(year).is_some() => (*year, month_of(middle)?, *day),
        [first, day, year] if month(first).is_some() => (*year, month(first)?, *day),
        [day, middle, year] if year.len() == 4 => (*year, month_of(middle)?, *day),
        _ => return None,
    };
    let (year, day) = (number(year)?, number(day.trim_end_matches(|c: char| c.is_ascii_alphabetic()))?);
    if !(1..=12).contains(&month) || !(1..=31).contains(&day) {
        return None;
    }
    let time = time.map_or(Some("T00:00:00".to_owned()), time_of_day)?;
    Some(format!("{year:04}-{month:02}-{day:02}{time}"))
}

/// Parts a date from the time in it; the date may go on behind the time (`Tue Feb 23 08:27:34 2021`).
fn split(text: &str) -> (String, Option<&str>) {
    let Some(colon) = text.find(':') else { return (text.to_owned(), None) };
    let digits = text[..colon].bytes().rev().take_while(u8::is_ascii_digit).count();
    let start = colon - digits;
    let before = text[..start].trim_end_matches(['T', 't', ' ']);
    // A year behind the time belongs to the date.
    match text[start..].rsplit_once(' ') {
        Some((time, year)) if year.len() == 4 && number(year).is_some() => {
            (format!("{before} {year}"), Some(time))
        }
        _ => (before.to_owned(), Some(&text[start..])),
    }
}

/// `T04:05:06` and a zone, of `4:05`, `04:05:06.789Z`, `04:05:06 (UTC+2)`, `04:05:06 (JST)` and the like.
fn time_of_day(text: &str) -> Option<String> {
    let clock = text.find(|c: char| !c.is_ascii_digit() && c != ':').unwrap_or(text.len());
    let mut fields = text[..clock].split(':').map(number);
    let (hour, minute, second) = (fields.next()??, fields.next()??, fields.next().unwrap_or(Some(0))?);
    if hour > 23 || minute > 59 || second > 60 {
        return None;
    }
    let rest = text[clock..].trim_start_matches('.');
    let digits = rest.len() - rest.trim_start_matches(|c: char| c.is_ascii_digit()).len();
    let (fraction, rest) = rest.split_at(digits);
    let fraction = match fraction.trim_end_matches('0') {
        "" => String::new(),
        _ => format!(".{:0<6.6}", fraction),
    };
    let rest = rest.trim_matches(|c: char| c.is_whitespace() || matches!(c, '(' | ')')).to_ascii_uppercase();
    let named = ZONES.iter().find_map(|(name, offset)| Some((rest.strip_prefix(name)?, *offset)));
    let (rest, known) = match (named, rest.strip_prefix('Z')) {
        (Some((rest, offset)), _) => (rest, Some(offset)),
        (None, Some(_)) => ("", Some("")),
        (None, None) => (rest.as_str(), None),
    };
    let zone = match (offset(rest), known) {
        (Some(offset), _) => offset,
        (None, Some("")) => "+00:00".to_owned(),
        (None, known) => known.unwrap_or_default().to_owned(),
    };
    Some(format!("T{hour:02}:{minute:02}:{second:02}{fraction}{zone}"))
}

/// `+02:00` of `+2`, `+0200`, `+02:00`.
fn offset(text: &str) -> Option<String> {
    let sign = text.chars().next().filter(|c| matches!(c, '+' | '-'))?;
    let digits: String =
        text[1..].chars().take_while(|c| c.is_ascii_digit() || *c == ':').filter(|c| *c != ':').collect();
    let (hours, minutes) = digits.split_at_checked(digits.len().min(2))?;
    let (hours, minutes) = (number(hours)?, if minutes.is_empty() { 0 } else { number(minutes)? });
    (hours <= 14 && minutes < 60).then(|| format!("{sign}{hours:02}:{minutes:02}"))
}

fn month_of(text: &str) -> Option<u32> {
    number(text).or_else(|| month(text))
}

fn month(text: &str) -> Option<u32> {
    let text = text.to_lowercase();
    let position = MONTHS.iter().position(|month| text.starts_with(month));
    position.map(|index| index as u32 + 1)
}

fn number(text: &str) -> Option<u32> {
    text.bytes().all(|b| b.is_ascii_digit()).then(|| text.parse().ok())?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_the_dates_of_registries() {
        for (text, expected) in [
            ("1997-09-15T04:00:00Z", "1997-09-15T04:00:00+00:00"),
            ("2019-09-09T08:39:04-0700", "2019-09-09T08:39:04-07:00"),
            ("2018-03-12T21:44:25+01:00", "2018-03-12T21:44:25+01:00"),
            ("2018-12-01T16:17:30.568Z", "2018-12-01T16:17:30.568000+00:00"),
            ("2007-01-26T19:10:31Z[UTC]", "2007-01-26T19:10:31+00:00"),
            ("2000-08-22 18:55:20Z", "2000-08-22T18:55:20+00:00"),
            ("1999-05-27", "1999-05-27T00:00:00"),
            ("19.09.1997 02:00:00", "1997-09-19T02:00:00"),
            ("28.10.2021", "2021-10-28T00:00:00"),
            ("30.6.2006 00:00:00", "2006-06-30T00:00:00"),
            ("2002.09.19 13:00:00", "2002-09-19T13:00:00"),
            ("2010. 09. 22.", "2010-09-22T00:00:00"),
            ("2020/10/01 01:05:09 (JST)", "2020-10-01T01:05:09+09:00"),
            ("11-Jun-2014", "2014-06-11T00:00:00"),
            ("11-June-2014 10:00 UTC", "2014-06-11T10:00:00+00:00"),
            ("Tue Feb 23 08:27:34 2021", "2021-02-23T08:27:34"),
            ("Feb 3, 2021", "2021-02-03T00:00:00"),
            ("20210223", "2021-02-23T00:00:00"),
            ("2021-03-04 10:00:00 (UTC+8)", "2021-03-04T10:00:00+08:00"),
            ("13/02/2021", "2021-02-13T00:00:00"),
            ("19990519 #123456", "1999-05-19T00:00:00"),
            ("1999-06-07 13:01:43 (GMT+0:00)", "1999-06-07T13:01:43+00:00"),
            ("2021-02-11T18:12:27.072052+00:00", "2021-02-11T18:12:27.072052+00:00"),
            ("30th April 2003 at 00:04:00.000", "2003-04-30T00:04:00"),
            ("1999-Jan-01.", "1999-01-01T00:00:00"),
            ("January 18 2000", "2000-01-18T00:00:00"),
            ("2002-12-04 00:00:00+02", "2002-12-04T00:00:00+02:00"),
            ("20200101 12:00:00", "2020-01-01T12:00:00"),
            ("2001-05-01 (UTC+8)", "2001-05-01T00:00:00"),
            ("2020-11-20 14:48:02 CLST", "2020-11-20T14:48:02"),
        ] {
            assert_eq!(iso(text).as_deref(), Some(expected), "{text}");
        }
    }

    #[test]
    fn leaves_what_is_no_date() {
        for text in [
            "",
            "not defined",
            "before aug-1996",
            "2021-13-01",
            "2021-02-32",
            "1 2",
            "25:61",
            "žluť: 1",
            ":",
            "12345678901",
        ] {
            assert_eq!(iso(text), None, "{text}");
        }
    }
}
