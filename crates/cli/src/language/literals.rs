//! Numbers and strings: the tokens whose text is turned into a value.

use super::diagnostic::SyntaxError;
use super::lexer::{KEYWORDS, Lexer, TokenKind, is_name_character};
use super::syntax::Span;

impl Lexer<'_> {
    /// Reads the number that begins here.
    pub(super) fn number(&mut self) -> Result<(), SyntaxError> {
        let rest = self.rest();
        let bytes = rest.as_bytes();
        if bytes[0] == b'0' && bytes.len() > 1 {
            let radix = match bytes[1] {
                b'x' | b'X' => 16,
                b'o' | b'O' => 8,
                b'b' | b'B' => 2,
                _ => 10,
            };
            if radix != 10 {
                let length = 2 + rest[2..].find(|c: char| !is_name_character(c)).unwrap_or(rest.len() - 2);
                let digits = rest[2..length].strip_prefix('_').unwrap_or(&rest[2..length]);
                return self.integer(length, digits.to_owned(), radix);
            }
        }

        let mut length = digits_end(rest, 0);
        let mut is_float = false;
        if rest[length..].starts_with('.') {
            is_float = true;
            length = digits_end(rest, length + 1);
        }
        if rest[length..].starts_with(['e', 'E']) {
            let sign = usize::from(rest[length + 1..].starts_with(['+', '-']));
            if rest[length + 1 + sign..].starts_with(|c: char| c.is_ascii_digit()) {
                is_float = true;
                length = digits_end(rest, length + 1 + sign);
            }
        }
        let text = rest[..length].to_owned();
        let is_imaginary =
            rest[length..].starts_with(['j', 'J']) && !rest[length + 1..].starts_with(is_name_character);
        if !is_float && !is_imaginary {
            return self.integer(length, text, 10);
        }

        length += usize::from(is_imaginary);
        self.refuse_letters_after(length)?;
        self.check_underscores(length, &text)?;
        let value: f64 = text
            .replace('_', "")
            .parse()
            .map_err(|_| self.error(length, format!("`{text}` is not a number")))?;
        self.push(if is_imaginary { TokenKind::Imaginary(value) } else { TokenKind::Float(value) }, length);
        Ok(())
    }

    /// An integer of `length` bytes from here with these digits.
    fn integer(&mut self, length: usize, digits: String, radix: u32) -> Result<(), SyntaxError> {
        let written = self.rest()[..length].to_owned();
        if radix == 10 {
            self.refuse_letters_after(length)?;
        }
        self.check_underscores(length, &digits)?;
        let plain = digits.replace('_', "");
        if plain.is_empty() || !plain.chars().all(|c| c.is_digit(radix)) {
            return Err(self.error(length, format!("`{written}` is not a number of base {radix}")));
        }
        if radix == 10 && plain.len() > 1 && plain.starts_with('0') && plain.contains(|c| c != '0') {
            return Err(self.error(length, "an integer cannot begin with `0`").with_help(format!(
                "write `{}`, or `0o{}` for base 8",
                plain.trim_start_matches('0'),
                plain
            )));
        }
        let value = u64::from_str_radix(&plain, radix).map_err(|_| {
            self.error(length, format!("this integer is too big: the largest is {}", u64::MAX))
                .with_help("write it as a floating-point number, such as 1e20")
        })?;
        self.push(TokenKind::Integer(value), length);
        Ok(())
    }

    fn check_underscores(&self, length: usize, text: &str) -> Result<(), SyntaxError> {
        let bytes = text.as_bytes();
        let is_digit = |place: usize| bytes.get(place).is_some_and(u8::is_ascii_hexdigit);
        let stray = (0..bytes.len())
            .any(|place| bytes[place] == b'_' && !(place > 0 && is_digit(place - 1) && is_digit(place + 1)));
        if stray {
            return Err(self.error(length, "an `_` in a number must stand between two digits"));
        }
        Ok(())
    }

    /// `2x` is no product.
    fn refuse_letters_after(&self, length: usize) -> Result<(), SyntaxError> {
        let after = &self.rest()[length..];
        if !after.starts_with(is_name_character) {
            return Ok(());
        }
        let letters = &after[..after.find(|c: char| !is_name_character(c)).unwrap_or(after.len())];
        let number = &self.rest()[..length];
        let error = self
            .error(length + letters.len(), format!("`{number}` and `{letters}` need something between them"));
        Err(if number.ends_with('.') {
            error.with_help(format!(
                "put the number in parentheses to ask for its attribute: `({}).{letters}`",
                number.trim_end_matches('.')
            ))
        } else if KEYWORDS.contains(&letters) {
            error.with_help(format!("put a space between them: `{number} {letters}`"))
        } else {
            error.with_help(format!("write `{number}*{letters}` for a product"))
        })
    }

    /// Reads the string that begins here.
    pub(super) fn string(&mut self) -> Result<(), SyntaxError> {
        let quote = &self.rest()[..1];
        if self.rest().starts_with(&quote.repeat(3)) {
            return Err(self
                .error(3, "strings with three quotes are not part of this language")
                .with_help("write a string in single quotes `'…'` or double quotes `\"…\"`"));
        }
        let quote = quote.chars().next().expect("the text goes on with a quote");
        let mut text = String::new();
        let mut length = 1;
        loop {
            let rest = &self.rest()[length..];
            match rest.chars().next() {
                None | Some('\n') => {
                    return Err(self
                        .error(length, "this string has no end")
                        .with_help(format!("close it with `{quote}` on the same line")));
                }
                Some('\\') => length += self.escape(length, &mut text)?,
                Some(character) => {
                    length += character.len_utf8();
                    if character == quote {
                        break;
                    }
                    text.push(character);
                }
            }
        }
        self.push(TokenKind::Text(text), length);
        Ok(())
    }

    /// Adds the character that the escape at `offset` from here stands for to `text`; returns the escape's length.
    fn escape(&self, offset: usize, text: &mut String) -> Result<usize, SyntaxError> {
        let rest = &self.rest()[offset..];
        let letter = rest[1..].chars().next();
        let simple = match letter {
            Some('n') => Some('\n'),
            Some('t') => Some('\t'),
            Some('r') => Some('\r'),
            Some('a') => Some('\x07'),
            Some('b') => Some('\x08'),
            Some('f') => Some('\x0c'),
            Some('v') => Some('\x0b'),
            Some('0') if !rest[2..].starts_with(|c: char| c.is_digit(8)) => Some('\0'),
            Some(c @ ('\\' | '\'' | '"')) => Some(c),
            _ => None,
        };
        if let Some(character) = simple {
            text.push(character);
            return Ok(2);
        }
        let digits = match letter {
            Some('\n') => return Ok(2),
            Some('x') => 2,
            Some('u') => 4,
            Some('U') => 8,
            _ => 0,
        };
        let code =
            rest.get(2..2 + digits).filter(|code| digits > 0 && code.chars().all(|c| c.is_ascii_hexdigit()));
        match code.and_then(|code| u32::from_str_radix(code, 16).ok()).and_then(char::from_u32) {
            Some(character) => {
                text.push(character);
                Ok(2 + digits)
            }
            None => {
                let written = 1 + letter.map_or(0, char::len_utf8);
                let place = self.place + offset;
                let message = format!("`{}` in a string stands for no character", &rest[..written]);
                Err(SyntaxError::new(Span::new(place, place + written), message)
                    .with_help("write `\\\\` for a backslash"))
            }
        }
    }
}

/// Where the digits and underscores that begin at `from` end.
fn digits_end(text: &str, from: usize) -> usize {
    text[from..].find(|c: char| !c.is_ascii_digit() && c != '_').map_or(text.len(), |length| from + length)
}

#[cfg(test)]
mod tests {
    use super::super::lexer::tokenize;
    use super::*;

    fn kinds(source: &str) -> Vec<TokenKind> {
        let mut kinds: Vec<_> = tokenize(source).unwrap().into_iter().map(|token| token.kind).collect();
        assert_eq!(kinds.pop(), Some(TokenKind::End));
        kinds
    }

    #[test]
    fn numbers_are_those_of_python() {
        let check = |source: &str, expected: TokenKind| assert_eq!(kinds(source), [expected], "{source}");
        for (source, value) in [
            ("0", 0),
            ("00", 0),
            ("1_000", 1000),
            ("0xFf", 255),
            ("0x_f", 15),
            ("0o17", 15),
            ("0b1_01", 5),
            ("18446744073709551615", u64::MAX),
        ] {
            check(source, TokenKind::Integer(value));
        }
        for (source, value) in [
            ("1.", 1.0),
            (".5", 0.5),
            ("1e-6", 1e-6),
            ("1_000.0", 1000.0),
            ("1E5", 1e5),
            ("007.5", 7.5),
            ("1.e+2", 100.0),
            ("1e999", f64::INFINITY),
        ] {
            check(source, TokenKind::Float(value));
        }
        for (source, value) in [("2j", 2.0), ("1.5J", 1.5), ("1e3j", 1000.0), ("08j", 8.0)] {
            check(source, TokenKind::Imaginary(value));
        }
    }

    #[test]
    fn strings_keep_their_characters() {
        let check = |source: &str, text: &str| assert_eq!(kinds(source), [TokenKind::Text(text.to_owned())]);
        check("'a\"b'", "a\"b");
        check("\"it's\"", "it's");
        check(r"'\n\t\\\'\x41\u00e9\U0001F600\0'", "\n\t\\'Aé😀\0");
        check("''", "");
        check("'température # ; ('", "température # ; (");
        check("'a\\\nb'", "ab");
    }
}
