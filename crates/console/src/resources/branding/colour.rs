//! A colour, and how it is made readable on the dashboard's grounds.
//!
//! Source: Web Content Accessibility Guidelines 2.2, “contrast ratio” and “relative luminance”.

use std::fmt;
use std::str::FromStr;

/// The least contrast of text on its ground, level AA.
const LEAST: f64 = 4.5;

/// A colour of sRGB.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Colour([u8; 3]);

/// A text that is no colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a colour: write it as #rrggbb, such as #3451b2")]
pub(crate) struct ColourError;

impl Colour {
    const BLACK: Self = Self([0; 3]);
    const WHITE: Self = Self([255; 3]);
    /// The darkest ground of the light design, `--sunken`.
    const LIGHT_GROUND: Self = Self([0xf4, 0xf4, 0xf2]);
    /// The lightest ground of the dark design.
    const DARK_GROUND: Self = Self([0x21, 0x24, 0x27]);

    /// The colour itself, or the next darker one that can be read on every light ground. White can
    /// be read on it.
    pub(crate) fn on_light(self) -> Self {
        self.readable(Self::LIGHT_GROUND, Self::BLACK)
    }

    /// The colour itself, or the next lighter one that can be read on every dark ground.
    pub(crate) fn on_dark(self) -> Self {
        self.readable(Self::DARK_GROUND, Self::WHITE)
    }

    fn readable(self, ground: Self, toward: Self) -> Self {
        let steps = (0..=64u8).map(|step| self.mixed(toward, f64::from(step) / 64.0));
        let mut readable = steps.filter(|colour| colour.contrast(ground) >= LEAST);
        readable.next().unwrap_or(toward)
    }

    fn mixed(self, other: Self, share: f64) -> Self {
        let mut mixed = [0; 3];
        for (part, (own, other)) in mixed.iter_mut().zip(self.0.into_iter().zip(other.0)) {
            let exact = f64::from(own) * (1.0 - share) + f64::from(other) * share;
            *part = nearest(exact);
        }
        Self(mixed)
    }

    fn contrast(self, other: Self) -> f64 {
        let (one, other) = (self.luminance(), other.luminance());
        (one.max(other) + 0.05) / (one.min(other) + 0.05)
    }

    fn luminance(self) -> f64 {
        let linear = |part: u8| {
            let part = f64::from(part) / 255.0;
            if part <= 0.040_45 {
                part / 12.92
            } else {
                ((part + 0.055) / 1.055).powf(2.4)
            }
        };
        let [red, green, blue] = self.0.map(linear);
        0.2126 * red + 0.7152 * green + 0.0722 * blue
    }
}

/// The nearest value of a part.
fn nearest(exact: f64) -> u8 {
    (0..=u8::MAX)
        .min_by(|a, b| {
            let distance = |value: &u8| (f64::from(*value) - exact).abs();
            distance(a).total_cmp(&distance(b))
        })
        .unwrap_or_default()
}

impl FromStr for Colour {
    type Err = ColourError;

    fn from_str(text: &str) -> Result<Self, ColourError> {
        let digits = text.strip_prefix('#').ok_or(ColourError)?;
        let is_hex = digits.len() == 6 && digits.bytes().all(|byte| byte.is_ascii_hexdigit());
        if !is_hex {
            return Err(ColourError);
        }
        let bits = u32::from_str_radix(digits, 16).map_err(|_| ColourError)?;
        let [_, parts @ ..] = bits.to_be_bytes();
        Ok(Self(parts))
    }
}

impl fmt::Display for Colour {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [red, green, blue] = self.0;
        write!(f, "#{red:02x}{green:02x}{blue:02x}")
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rstest::rstest;

    use super::*;

    #[test]
    fn contrast_as_it_is_defined() {
        assert!((Colour::BLACK.contrast(Colour::WHITE) - 21.0).abs() < 1e-9);
        let grey: Colour = "#767676".parse().unwrap();
        assert!((grey.contrast(Colour::WHITE) - 4.54).abs() < 0.01);
    }

    #[test]
    fn what_can_be_read_stays_as_it_is() {
        let blue: Colour = "#3451B2".parse().unwrap();
        assert_eq!(blue.to_string(), "#3451b2");
        assert_eq!(blue.on_light(), blue);
        assert_ne!(blue.on_dark(), blue);
        let yellow: Colour = "#ffdd00".parse().unwrap();
        assert_ne!(yellow.on_light(), yellow);
        assert_eq!(yellow.on_dark(), yellow);
    }

    #[rstest]
    #[case("")]
    #[case("3451b2")]
    #[case("#345")]
    #[case("#3451b2ff")]
    #[case("#+451b2")]
    #[case("#3451bé")]
    #[case("red;}body{")]
    fn what_is_no_colour(#[case] text: &str) {
        assert_eq!(text.parse::<Colour>(), Err(ColourError));
    }

    proptest! {
        #[test]
        fn any_colour_can_be_read(parts: [u8; 3]) {
            let (light, dark) = (Colour(parts).on_light(), Colour(parts).on_dark());
            prop_assert!(light.contrast(Colour::LIGHT_GROUND) >= LEAST);
            prop_assert!(light.contrast(Colour::WHITE) >= LEAST);
            prop_assert!(dark.contrast(Colour::DARK_GROUND) >= LEAST);
            // What is written on a button of the dark design.
            prop_assert!(dark.contrast(Colour([0x10, 0x13, 0x1c])) >= LEAST);
        }
    }
}
