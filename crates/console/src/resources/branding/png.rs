//! Whether bytes are a PNG within bounds, by its chunks: nothing is decoded. Source: Portable
//! Network Graphics (PNG) Specification, sections 5 and 11.

/// What every PNG begins with.
const SIGNATURE: [u8; 8] = *b"\x89PNG\r\n\x1a\n";

/// The shortest and longest side, in pixels.
const SIDE: std::ops::RangeInclusive<u32> = 16..=1_024;

/// Why bytes can't be a logo.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum PngError {
    #[error("not a PNG: convert it to one")]
    NoPng,
    #[error("the PNG is broken or has something after its end: export it again")]
    Broken,
    #[error("a side of the picture is not 16 to 1,024 pixels: scale it")]
    Size,
}

/// Judges a picture. It must end where its last chunk does: nothing can hide behind it.
pub(super) fn judge(bytes: &[u8]) -> Result<(), PngError> {
    let mut rest = bytes.strip_prefix(&SIGNATURE).ok_or(PngError::NoPng)?;
    let (header, after) = chunk(rest).ok_or(PngError::Broken)?;
    let (b"IHDR", &[w0, w1, w2, w3, h0, h1, h2, h3, _, _, _, _, _]) = header else {
        return Err(PngError::Broken);
    };
    let sides = [[w0, w1, w2, w3], [h0, h1, h2, h3]].map(u32::from_be_bytes);
    if !sides.iter().all(|side| SIDE.contains(side)) {
        return Err(PngError::Size);
    }
    rest = after;
    loop {
        let ((kind, _), after) = chunk(rest).ok_or(PngError::Broken)?;
        match (kind, after) {
            (b"IEND", []) => return Ok(()),
            (b"IEND", _) => return Err(PngError::Broken),
            _ => rest = after,
        }
    }
}

/// The kind and data of the first chunk, and what is after it; its checksum is for decoders.
type Chunk<'a> = ((&'a [u8; 4], &'a [u8]), &'a [u8]);

fn chunk(bytes: &[u8]) -> Option<Chunk<'_>> {
    let (length, rest) = bytes.split_first_chunk::<4>()?;
    let (kind, rest) = rest.split_first_chunk::<4>()?;
    let length = usize::try_from(u32::from_be_bytes(*length)).ok()?;
    let (data, rest) = rest.split_at_checked(length)?;
    let (_, rest) = rest.split_first_chunk::<4>()?;
    Some(((kind, data), rest))
}

#[cfg(test)]
mod tests {
    use bolero::check;
    use proptest::prelude::*;

    use super::*;

    fn part(kind: &[u8; 4], data: &[u8]) -> Vec<u8> {
        let length = u32::try_from(data.len()).unwrap().to_be_bytes();
        [&length, &kind[..], data, &[0; 4]].concat()
    }

    fn picture(width: u32, height: u32) -> Vec<u8> {
        let (width, height) = (width.to_be_bytes(), height.to_be_bytes());
        let header = [&width[..], &height, &[8, 6, 0, 0, 0]].concat();
        let parts = [
            part(b"IHDR", &header),
            part(b"IDAT", &[7; 27]),
            part(b"IEND", b""),
        ];
        [SIGNATURE.to_vec(), parts.concat()].concat()
    }

    #[test]
    fn pictures_have_bounds() {
        assert_eq!(judge(&picture(16, 1_024)), Ok(()));
        for (width, height) in [(15, 100), (100, 1_025), (0, 0), (u32::MAX, 16)] {
            assert_eq!(judge(&picture(width, height)), Err(PngError::Size));
        }
    }

    #[test]
    fn others_are_none() {
        for bytes in [&b""[..], b"<svg/>", b"\xff\xd8\xff", b"GIF89a"] {
            assert_eq!(judge(bytes), Err(PngError::NoPng));
        }
        let good = picture(32, 32);
        assert_eq!(judge(&good[..good.len() - 1]), Err(PngError::Broken));
        let trailed = [&good[..], b"<script>"].concat();
        assert_eq!(judge(&trailed), Err(PngError::Broken));
        let headless = [&SIGNATURE[..], &part(b"IEND", b"")].concat();
        assert_eq!(judge(&headless), Err(PngError::Broken));
    }

    /// A fuzz target: what is taken for a picture begins and ends as one.
    #[test]
    fn logo() {
        let bound = std::time::Duration::from_secs(1);
        check!().with_test_time(bound).for_each(|input: &[u8]| {
            if judge(input).is_ok() {
                assert!(
                    input.starts_with(&SIGNATURE) && input[..input.len() - 4].ends_with(b"IEND")
                );
            }
        });
    }

    proptest! {
        #[test]
        fn never_panics(bytes in prop::collection::vec(any::<u8>(), 0..64)) {
            let _ = judge(&bytes);
            let _ = judge(&[&SIGNATURE[..], &bytes].concat());
        }
    }
}
