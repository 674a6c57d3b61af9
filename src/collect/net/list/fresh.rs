//! How long a list that came over HTTP is fresh (RFC 9111), and how it is asked for again (RFC 9110 section 13).

use std::time::Duration;

use reqwest::header::{
    AGE, CACHE_CONTROL, DATE, ETAG, EXPIRES, HeaderMap, HeaderName, HeaderValue, IF_MODIFIED_SINCE,
    IF_NONE_MATCH, LAST_MODIFIED,
};

/// How long a list counts as fresh whose place does not say. IANA changes its RDAP lists a few times a week.
pub const DAY: Duration = Duration::from_secs(24 * 60 * 60);
/// The bounds of what a place may say, so that neither it nor we are kept busy, and no mistake stays for ever.
const BOUNDS: (Duration, Duration) = (Duration::from_secs(5 * 60), Duration::from_secs(7 * 24 * 60 * 60));

/// What tells this version of a list from others.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Version {
    tag: Option<HeaderValue>,
    modified: Option<HeaderValue>,
}

impl Version {
    /// The version that an answer is of.
    pub fn of(headers: &HeaderMap) -> Self {
        Self { tag: headers.get(ETAG).cloned(), modified: headers.get(LAST_MODIFIED).cloned() }
    }

    /// The headers that ask for another version only.
    pub fn condition(&self) -> impl Iterator<Item = (HeaderName, HeaderValue)> {
        // A server looks at the date only where there is no tag (RFC 9110 section 13.2.2).
        let tag = self.tag.clone().map(|tag| (IF_NONE_MATCH, tag));
        tag.into_iter().chain(self.modified.clone().map(|date| (IF_MODIFIED_SINCE, date)))
    }
}

/// How long an answer with these headers is fresh from now on.
pub fn lifetime(headers: &HeaderMap) -> Duration {
    told(headers).unwrap_or(DAY).clamp(BOUNDS.0, BOUNDS.1)
}

fn told(headers: &HeaderMap) -> Option<Duration> {
    let text = |name: HeaderName| headers.get(name).and_then(|value| value.to_str().ok());
    let seconds = |text: &str| text.trim_matches('"').parse().ok().map(Duration::from_secs);
    let values = headers.get_all(CACHE_CONTROL).iter().filter_map(|value| value.to_str().ok());
    let all =
        values.flat_map(|value| value.split(',')).map(|directive| directive.trim().to_ascii_lowercase());
    let directives: Vec<String> = all.collect();
    if directives.iter().any(|directive| matches!(directive.as_str(), "no-cache" | "no-store")) {
        return Some(Duration::ZERO);
    }
    let age = directives.iter().find_map(|directive| directive.strip_prefix("max-age=").and_then(seconds));
    if let Some(age) = age {
        return Some(age.saturating_sub(text(AGE).and_then(seconds).unwrap_or_default()));
    }
    let date = |name| httpdate::parse_http_date(text(name)?).ok();
    let expires = text(EXPIRES)?;
    // By the server's own clock; what cannot be read has expired (RFC 9111 section 5.3).
    let end = httpdate::parse_http_date(expires).ok();
    Some(end.zip(date(DATE)).and_then(|(end, now)| end.duration_since(now).ok()).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(lines: &[(&'static str, &'static str)]) -> HeaderMap {
        let pair = |(name, value): &(&'static str, &'static str)| {
            (HeaderName::from_static(name), HeaderValue::from_static(value))
        };
        lines.iter().map(pair).collect()
    }

    #[test]
    fn is_fresh_as_long_as_the_place_says() {
        let (noon, one, past) = (
            ("date", "Tue, 06 Jan 2026 12:00:00 GMT"),
            ("expires", "Tue, 06 Jan 2026 13:00:00 GMT"),
            ("expires", "Tue, 06 Jan 2026 11:00:00 GMT"),
        );
        for (lines, seconds) in [
            (&[][..], 86_400),
            (&[("cache-control", "public, max-age=3600")], 3600),
            (&[("cache-control", "Max-Age=\"3600\""), ("age", "600")], 3000),
            (&[("cache-control", "max-age=3600"), noon, past], 3600),
            (&[("cache-control", "max-age=1")], 300),
            (&[("cache-control", "max-age=99999999")], 604_800),
            (&[("cache-control", "max-age=words")], 86_400),
            (&[("cache-control", "no-cache, max-age=3600")], 300),
            (&[("cache-control", "no-store")], 300),
            (&[noon, one], 3600),
            (&[noon, past], 300),
            (&[noon, ("expires", "0")], 300),
            (&[one], 300),
        ] {
            assert_eq!(lifetime(&headers(lines)).as_secs(), seconds, "{lines:?}");
        }
    }

    #[test]
    fn asks_for_another_version_only() {
        for (answer, request) in [
            (&[][..], &[][..]),
            (&[("etag", "\"x\"")], &[("if-none-match", "\"x\"")]),
            (
                &[("etag", "W/\"x\""), ("last-modified", "Tue, 06 Jan 2026 12:00:00 GMT")],
                &[("if-none-match", "W/\"x\""), ("if-modified-since", "Tue, 06 Jan 2026 12:00:00 GMT")],
            ),
        ] {
            let condition: HeaderMap = Version::of(&headers(answer)).condition().collect();
            assert_eq!(condition, headers(request), "{answer:?}");
        }
    }
}
