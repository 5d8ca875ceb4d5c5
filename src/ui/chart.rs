//! Numbers as a row of small bars.

use crate::ui::look::Blocks;

/// The heights of a bar, from the lowest that is seen to the highest.
const UNICODE: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
const ASCII: [char; 8] = [':', '-', '=', '+', '*', 'o', 'O', '#'];

/// Draws numbers side by side, each as high as its part of the highest of them. One
/// alone is seen beside thousands, and none is told from one. Where there are to be no
/// bars they stay numbers, for who reads with a program.
pub fn row(numbers: &[u64], blocks: Option<Blocks>) -> String {
    let (heights, nothing) = match blocks {
        Some(Blocks::Unicode) => (UNICODE, '·'),
        Some(Blocks::Ascii) => (ASCII, '.'),
        None => {
            let numbers: Vec<String> = numbers.iter().map(u64::to_string).collect();
            return numbers.join(",");
        }
    };
    let highest = numbers.iter().copied().max().unwrap_or(0);
    let bars = numbers.iter().map(|number| match number {
        0 => nothing,
        number => heights[step(*number, highest)],
    });
    bars.collect()
}

/// Which of the eight heights a number has that is not 0.
fn step(number: u64, highest: u64) -> usize {
    let steps = UNICODE.len() as u128;
    let step = (u128::from(number) * steps).div_ceil(u128::from(highest)) - 1;
    usize::try_from(step).expect("below eight")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bar_is_as_high_as_its_part() {
        let eight: Vec<u64> = (0..=8).collect();
        assert_eq!(row(&eight, Some(Blocks::Unicode)), "·▁▂▃▄▅▆▇█");
        assert_eq!(row(&eight, Some(Blocks::Ascii)), ".:-=+*oO#");
        assert_eq!(row(&eight, None), "0,1,2,3,4,5,6,7,8");
        assert_eq!(row(&[0, 1, 9999, 10_000], Some(Blocks::Unicode)), "·▁██");
        assert_eq!(row(&[u64::MAX, 1, 0], Some(Blocks::Unicode)), "█▁·");
        assert_eq!(row(&[0, 0], Some(Blocks::Unicode)), "··");
        assert_eq!(row(&[], Some(Blocks::Ascii)), "");
    }
}
