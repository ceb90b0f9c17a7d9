//! Escapes untrusted names for a terminal.

use unicode_segmentation::UnicodeSegmentation;
use unicode_width::UnicodeWidthStr;

/// Whether a character controls the terminal or the direction of text instead of being displayed.
pub(super) fn controls_terminal(character: char) -> bool {
    character.is_control()
        || matches!(
            character,
            '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}' | '\u{2029}' | '\u{feff}'
                | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}'
        )
}

/// `text` with control characters escaped: `\n`, `\u{1b}`.
pub(crate) fn visible(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for character in text.chars() {
        if controls_terminal(character) {
            shown.extend(character.escape_default());
        } else {
            shown.push(character);
        }
    }
    shown
}

/// The width of `text` in cells of a terminal.
pub(super) fn width(text: &str) -> usize {
    text.width()
}

/// `text` truncated to so many cells, with `…` at the end if it was truncated.
pub(super) fn cut(text: &str, cells: usize) -> String {
    if width(text) <= cells {
        return text.to_owned();
    }
    let mut kept = String::new();
    for grapheme in text.graphemes(true) {
        if width(&kept) + width(grapheme) + 1 > cells {
            break;
        }
        kept.push_str(grapheme);
    }
    if cells > 0 {
        kept.push('…');
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::{cut, visible, width};

    #[test]
    fn control_characters_are_escaped_and_other_characters_are_kept() {
        assert_eq!(visible("\u{1b}[2J\r\n\u{9b}2J\u{202e}"), r"\u{1b}[2J\r\n\u{9b}2J\u{202e}");
        let harmless = "Açaí \"c\\n\" {1}, 👨‍👩‍👧 日本語 ﷽";
        assert_eq!(visible(harmless), harmless);
    }

    #[test]
    fn a_truncated_text_fits_and_no_character_is_split() {
        let text = "aé日👨‍👩‍👧🇧🇷e\u{301}x";
        for cells in 0..12 {
            let cut = cut(text, cells);
            assert!(width(&cut) <= cells, "{cut:?} in {cells}");
            assert!(cut == text || cut.is_empty() || text.starts_with(cut.trim_end_matches('…')));
        }
        assert_eq!(cut("日本語", 5), "日本…");
        assert_eq!(cut("日本語", 4), "日…");
    }
}
