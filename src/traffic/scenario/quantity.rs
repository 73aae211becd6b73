//! Quantities as people write them: rates, lengths of time, shares.

/// A rate in requests per second: `200`, `200/s`, `12/m`, `3.5/h`.
pub(crate) fn parse_rate(text: &str) -> Option<f64> {
    let (number, unit) = text.split_once('/').unwrap_or((text, "s"));
    let number: f64 = number.trim().parse().ok()?;
    let divisor = match unit.trim() {
        "s" => 1.0,
        "m" | "min" => 60.0,
        "h" => 3600.0,
        _ => return None,
    };
    (number > 0.0 && number.is_finite()).then_some(number / divisor)
}

/// Seconds of `90s`, `5m`, `1h30m`, `250ms` or a plain number.
pub(crate) fn parse_seconds(text: &str) -> Option<f64> {
    if let Ok(plain) = text.trim().parse::<f64>() {
        return (plain > 0.0 && plain.is_finite()).then_some(plain);
    }
    let mut total = 0.0;
    let mut rest = text.trim();
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let (number, tail) = rest.split_at(digits);
        let unit_length = tail.find(|c: char| c.is_ascii_digit()).unwrap_or(tail.len());
        let (unit, tail) = tail.split_at(unit_length);
        let factor = match unit {
            "ms" => 0.001,
            "s" => 1.0,
            "m" => 60.0,
            "h" => 3600.0,
            "d" => 86_400.0,
            _ => return None,
        };
        total += number.parse::<f64>().ok()? * factor;
        rest = tail;
    }
    (total > 0.0).then_some(total)
}

/// A share from 0 to 1, written as `0.01` or `1%`.
pub(crate) fn parse_share(text: &str) -> Option<f64> {
    let value = match text.trim().strip_suffix('%') {
        Some(percent) => percent.trim().parse::<f64>().ok()? / 100.0,
        None => text.trim().parse::<f64>().ok()?,
    };
    (0.0..=1.0).contains(&value).then_some(value)
}
