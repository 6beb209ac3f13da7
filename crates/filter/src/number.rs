//! Numbers compared as the decimals that they are: no size and no precision is lost.

use std::cmp::Ordering;

/// Exponents beyond this are taken for it. Nobody counts to 10 to the power of a trillion.
const EXPONENT_MOST: i64 = 1 << 40;

/// By the numbers that two JSON texts write: `1`, `1.0` and `10e-1` are the same.
pub(crate) fn order(one: &str, other: &str) -> Ordering {
    let (one, other) = (Decimal::of(one), Decimal::of(other));
    match (one.sign(), other.sign()) {
        (Sign::Negative, Sign::Negative) => other.order_magnitude(&one),
        (Sign::Positive, Sign::Positive) => one.order_magnitude(&other),
        (one, other) => one.cmp(&other),
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Sign {
    Negative,
    Zero,
    Positive,
}

/// A number as `0.digits` times 10 to the power of `point`, its first digit not 0.
struct Decimal<'a> {
    is_negative: bool,
    whole: &'a str,
    fraction: &'a str,
    /// How many zeros the digits begin with; they don't count.
    leading: usize,
    point: i64,
}

impl<'a> Decimal<'a> {
    /// Takes a number apart that is known to be one of JSON's.
    fn of(text: &'a str) -> Self {
        let (is_negative, text) = match text.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, text),
        };
        let (mantissa, exponent) = text.split_once(['e', 'E']).unwrap_or((text, "0"));
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        let digits = whole.bytes().chain(fraction.bytes());
        let leading = digits.take_while(|digit| *digit == b'0').count();
        let length = |count: usize| i64::try_from(count).unwrap_or(EXPONENT_MOST);
        let point = length(whole.len()) - length(leading) + self::exponent(exponent);
        Self {
            is_negative,
            whole,
            fraction,
            leading,
            point,
        }
    }

    fn digits(&self) -> impl Iterator<Item = u8> {
        let digits = self.whole.bytes().chain(self.fraction.bytes());
        digits.skip(self.leading)
    }

    fn sign(&self) -> Sign {
        match (self.digits().next(), self.is_negative) {
            (None, _) => Sign::Zero,
            (Some(_), true) => Sign::Negative,
            (Some(_), false) => Sign::Positive,
        }
    }

    fn order_magnitude(&self, other: &Self) -> Ordering {
        self.point.cmp(&other.point).then_with(|| {
            let (mut one, mut other) = (self.digits(), other.digits());
            loop {
                // The shorter goes on in zeros.
                let (one, other) = match (one.next(), other.next()) {
                    (None, None) => return Ordering::Equal,
                    (one, other) => (one.unwrap_or(b'0'), other.unwrap_or(b'0')),
                };
                if one != other {
                    return one.cmp(&other);
                }
            }
        })
    }
}

fn exponent(text: &str) -> i64 {
    let beyond = if text.starts_with('-') {
        -EXPONENT_MOST
    } else {
        EXPONENT_MOST
    };
    let exponent: i64 = text.parse().unwrap_or(beyond);
    exponent.clamp(-EXPONENT_MOST, EXPONENT_MOST)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("0", "-0", Ordering::Equal)]
    #[case("0e5", "0.000", Ordering::Equal)]
    #[case("1.10", "1.1", Ordering::Equal)]
    #[case("10e-1", "1", Ordering::Equal)]
    #[case("1E+2", "100", Ordering::Equal)]
    #[case("0.001", "1e-3", Ordering::Equal)]
    #[case("9007199254740993", "9007199254740992", Ordering::Greater)]
    #[case(
        "123456789012345678901234567890",
        "123456789012345678901234567891",
        Ordering::Less
    )]
    #[case("1e400", "1e401", Ordering::Less)]
    #[case("-1e400", "1", Ordering::Less)]
    #[case("-2", "-3", Ordering::Greater)]
    #[case("-1e-400", "0", Ordering::Less)]
    #[case("1e99999999999999999999", "1e3", Ordering::Greater)]
    #[case("1e-99999999999999999999", "0", Ordering::Greater)]
    #[case("0e99999999999999999999", "0", Ordering::Equal)]
    fn orders(#[case] one: &str, #[case] other: &str, #[case] expected: Ordering) {
        assert_eq!(order(one, other), expected);
        assert_eq!(order(other, one), expected.reverse());
    }

    proptest! {
        #[test]
        fn integers_order_as_integers(one: i128, other: i128) {
            prop_assert_eq!(order(&one.to_string(), &other.to_string()), one.cmp(&other));
        }

        /// What a float prints is its shortest decimal, and those order as the floats do.
        #[test]
        fn floats_order_as_floats(one in -1e300..1e300f64, other in -1e-300..1e300f64) {
            let texts = [one, other].map(|float| format!("{float:e}"));
            prop_assert_eq!(order(&texts[0], &texts[1]), one.partial_cmp(&other).unwrap());
        }
    }
}
