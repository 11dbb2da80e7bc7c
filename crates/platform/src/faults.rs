use std::fmt;
use std::str::FromStr;
use std::time::Duration;

/// Simulated faults of a platform, written `transient=1%,permanent=0.01%,latency=20ms`; omitted
/// ones do not happen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Faults {
    /// The share of calls, and of mailboxes in a call, that fail transiently.
    pub transient: Chance,
    /// The share of mailboxes that fail permanently.
    pub permanent: Chance,
    /// The average additional latency of a call.
    pub latency: Duration,
}

/// A probability in parts per million.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Chance(u32);

impl Chance {
    /// Never.
    pub const NEVER: Self = Self(0);
    const CERTAIN: u32 = 1_000_000;

    /// Does it happen for this uniformly distributed draw?
    pub fn falls_on(self, draw: u64) -> bool {
        draw % u64::from(Self::CERTAIN) < u64::from(self.0)
    }
}

impl FromStr for Chance {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || {
            format!(
                "{text:?} is not a probability: write a percentage from 0% to 100%, down to 0.0001%"
            )
        };
        let number = text.strip_suffix('%').ok_or_else(wrong)?;
        let (whole, fraction) = number.split_once('.').unwrap_or((number, "0"));
        let digits =
            |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
        if !digits(whole) || !digits(fraction) || fraction.len() > 4 {
            return Err(wrong());
        }
        // Four decimals of a percentage are parts per million.
        let millionths = format!("{whole}{fraction:0<4}").parse().ok();
        millionths.filter(|parts| *parts <= Self::CERTAIN).map(Self).ok_or_else(wrong)
    }
}

impl fmt::Display for Chance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (whole, fraction) = (self.0 / 10_000, self.0 % 10_000);
        if fraction == 0 {
            return write!(f, "{whole}%");
        }
        write!(f, "{whole}.{}%", format!("{fraction:04}").trim_end_matches('0'))
    }
}

impl FromStr for Faults {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let mut faults = Self::default();
        let mut seen = Vec::new();
        for part in text.split(',').map(str::trim) {
            let Some((name, value)) = part.split_once('=') else {
                return Err(format!(
                    "{part:?} is not a fault: write for example \
                     transient=1%,permanent=0.01%,latency=20ms"
                ));
            };
            if seen.contains(&name) {
                return Err(format!("{name} is given twice; give it once"));
            }
            seen.push(name);
            match name {
                "transient" => faults.transient = value.parse()?,
                "permanent" => faults.permanent = value.parse()?,
                "latency" => faults.latency = latency(value)?,
                unknown => {
                    return Err(format!(
                        "{unknown:?} is not a fault; the faults are transient, permanent, latency"
                    ));
                }
            }
        }
        Ok(faults)
    }
}

impl fmt::Display for Faults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { transient, permanent, latency } = self;
        let latency = latency.as_millis();
        write!(f, "transient={transient},permanent={permanent},latency={latency}ms")
    }
}

fn latency(text: &str) -> Result<Duration, String> {
    let longest = Duration::from_hours(1);
    let (number, unit): (&str, fn(u64) -> Duration) = match text.strip_suffix("ms") {
        Some(number) => (number, Duration::from_millis),
        None => (text.strip_suffix('s').unwrap_or(""), Duration::from_secs),
    };
    let digits = number.bytes().all(|byte| byte.is_ascii_digit());
    let latency = number.parse().ok().filter(|_| digits).map(unit);
    latency.filter(|latency| *latency <= longest).ok_or_else(|| {
        format!(
            "{text:?} is not a latency: write milliseconds or seconds, like 20ms or 2s, up to 3600s"
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn faults_are_read_as_they_are_written() {
        let table = [
            ("transient=1%,permanent=0.01%,latency=20ms", (10_000, 100, 20)),
            ("permanent=0.0001%", (0, 1, 0)),
            (" latency=2s , transient=100% ", (1_000_000, 0, 2_000)),
            ("transient=0%", (0, 0, 0)),
            ("transient=12.5%", (125_000, 0, 0)),
        ];
        for (text, (transient, permanent, milliseconds)) in table {
            let expected = Faults {
                transient: Chance(transient),
                permanent: Chance(permanent),
                latency: Duration::from_millis(milliseconds),
            };
            assert_eq!(text.parse(), Ok(expected), "{text}");
            assert_eq!(expected.to_string().parse(), Ok(expected), "{text}");
        }
    }

    #[test]
    fn what_is_no_fault_is_told_with_what_would_be_right() {
        let table = [
            ("", "write for example transient=1%"),
            ("transient", "write for example"),
            ("transient=1", "write a percentage"),
            ("transient=101%", "from 0% to 100%"),
            ("transient=99999999999%", "from 0% to 100%"),
            ("transient=-1%", "from 0% to 100%"),
            ("permanent=0.00001%", "down to 0.0001%"),
            ("permanent=.5%", "write a percentage"),
            ("latency=20", "like 20ms or 2s"),
            ("latency=+1s", "like 20ms or 2s"),
            ("latency=99999s", "up to 3600s"),
            ("transient=1%,transient=2%", "given twice"),
            ("slow=1%", "the faults are transient, permanent, latency"),
        ];
        for (text, expected) in table {
            let error = text.parse::<Faults>().unwrap_err();
            assert!(error.contains(expected), "{text}: {error}");
        }
    }
}
