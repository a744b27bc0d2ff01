//! Source text to tokens. Brackets are matched here, for inside them a newline is white space.

use super::diagnostic::SyntaxError;
use super::syntax::Span;

/// A token and where it stands.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Token {
    pub kind: TokenKind,
    pub span: Span,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) enum TokenKind {
    Name(String),
    /// A reserved word of Python, whether the language has a use for it or not.
    Keyword(&'static str),
    Integer(u64),
    Float(f64),
    Imaginary(f64),
    Text(String),
    /// An operator, bracket or other mark.
    Symbol(&'static str),
    /// A newline outside brackets, or a `;`.
    Separator,
    /// The end of the text.
    End,
}

/// Longest first, so that the first one that fits is the right one.
const SYMBOLS: &[&str] = &[
    "**=", "//=", "<<=", ">>=", "...", "**", "//", "<<", ">>", "<=", ">=", "==", "!=", "+=", "-=", "*=",
    "/=", "%=", "@=", "&=", "|=", "^=", ":=", "->", "+", "-", "*", "/", "%", "@", "&", "|", "^", "~", "<",
    ">", "(", ")", "[", "]", "{", "}", ",", ":", ".", "=",
];

pub(super) const KEYWORDS: &[&str] = &[
    "False", "None", "True", "and", "as", "assert", "async", "await", "break", "class", "continue", "def",
    "del", "elif", "else", "except", "finally", "for", "from", "global", "if", "import", "in", "is",
    "lambda", "nonlocal", "not", "or", "pass", "raise", "return", "try", "while", "with", "yield",
];

/// Characters that look like one of the language, or mean something in formulas, and what to write for them.
const LOOK_ALIKES: &[(&str, &str)] = &[
    ("‘’‚‛′´`＇", "'"),
    ("“”„‟″«»＂", "\""),
    ("×·⋅∗•✕⨯＊", "*"),
    ("−–—‐‑‒﹣－", "-"),
    ("÷∕⁄／", "/"),
    ("＋", "+"),
    ("≤⩽", "<="),
    ("≥⩾", ">="),
    ("≠", "!="),
    ("≈≡", "=="),
    ("＝", "="),
    ("＜‹", "<"),
    ("＞›", ">"),
    ("…⋯", "..."),
    ("（", "("),
    ("）", ")"),
    ("［【", "["),
    ("］】", "]"),
    ("｛", "{"),
    ("｝", "}"),
    ("，、‚", ","),
    ("：", ":"),
    ("；", ";"),
    ("。．", "."),
    ("∧", "&"),
    ("∨", "|"),
    ("¬", "~"),
    ("²", "**2"),
    ("³", "**3"),
    ("√", "sqrt(…)"),
    ("∞", "inf"),
    ("∑", "sum(…)"),
    ("∏", "prod(…)"),
];

/// Splits a text into tokens; the last one is [`TokenKind::End`].
pub(super) fn tokenize(source: &str) -> Result<Vec<Token>, SyntaxError> {
    Lexer { source, place: 0, tokens: Vec::new(), open: Vec::new() }.run()
}

pub(super) struct Lexer<'a> {
    source: &'a str,
    /// The byte to read next.
    pub(super) place: usize,
    tokens: Vec<Token>,
    /// The brackets that are open, outermost first, with their places.
    open: Vec<(char, usize)>,
}

impl Lexer<'_> {
    fn run(mut self) -> Result<Vec<Token>, SyntaxError> {
        if self.source.starts_with('\u{feff}') {
            self.place = '\u{feff}'.len_utf8();
        }
        while let Some(next) = self.peek() {
            match next {
                ' ' | '\t' | '\r' | '\x0c' => self.place += 1,
                '#' => self.place += self.rest().find('\n').unwrap_or(self.rest().len()),
                '\n' => {
                    if self.open.is_empty() {
                        self.push(TokenKind::Separator, 1);
                    } else {
                        self.place += 1;
                    }
                }
                ';' => {
                    if let Some(&opened) = self.open.last() {
                        return Err(never_closed(opened));
                    }
                    self.push(TokenKind::Separator, 1);
                }
                '\\' => self.line_join()?,
                '\'' | '"' => self.string()?,
                _ if next.is_ascii_digit() => self.number()?,
                '.' if self.rest()[1..].starts_with(|c: char| c.is_ascii_digit()) => self.number()?,
                _ if next == '_' || next.is_alphabetic() => self.word()?,
                _ => self.symbol(next)?,
            }
        }
        if let Some(&opened) = self.open.last() {
            return Err(never_closed(opened));
        }
        self.push(TokenKind::End, 0);
        Ok(self.tokens)
    }

    pub(super) fn rest(&self) -> &str {
        &self.source[self.place..]
    }

    fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    /// Adds a token of `length` bytes that begins here, and steps over it.
    pub(super) fn push(&mut self, kind: TokenKind, length: usize) {
        let span = Span::new(self.place, self.place + length);
        self.tokens.push(Token { kind, span });
        self.place = span.end;
    }

    /// An error about `length` bytes from here.
    pub(super) fn error(&self, length: usize, message: impl Into<String>) -> SyntaxError {
        SyntaxError::new(Span::new(self.place, self.place + length), message)
    }

    /// A backslash at the end of a line.
    fn line_join(&mut self) -> Result<(), SyntaxError> {
        for ending in ["\\\n", "\\\r\n"] {
            if self.rest().starts_with(ending) {
                self.place += ending.len();
                return Ok(());
            }
        }
        Err(self
            .error(1, "a `\\` outside a string joins two lines, so nothing may follow it on its line")
            .with_help("remove it, or what stands after it"))
    }

    fn word(&mut self) -> Result<(), SyntaxError> {
        let length = self.rest().find(|c: char| !is_name_character(c)).unwrap_or(self.rest().len());
        let word = &self.rest()[..length];
        if self.rest()[length..].starts_with(['\'', '"'])
            && word.len() <= 2
            && word.chars().all(|c| "rRbBfFuUtT".contains(c))
        {
            let kind = if word.contains(['f', 'F']) { "f-strings" } else { "strings with a prefix" };
            return Err(self
                .error(length, format!("{kind} are not part of this language"))
                .with_help(format!("write a plain string, without the `{word}` before it")));
        }
        let kind = match KEYWORDS.iter().find(|keyword| **keyword == word) {
            Some(keyword) => TokenKind::Keyword(keyword),
            None => TokenKind::Name(word.to_owned()),
        };
        self.push(kind, length);
        Ok(())
    }

    fn symbol(&mut self, next: char) -> Result<(), SyntaxError> {
        let Some(symbol) = SYMBOLS.iter().find(|symbol| self.rest().starts_with(**symbol)) else {
            return Err(self.unknown_character(next));
        };
        if self.rest().starts_with("&&") || self.rest().starts_with("||") {
            return Err(self.error(2, format!("there is no operator `{}`", &self.rest()[..2])).with_help(
                format!("write `{symbol}`, with the conditions in parentheses: `(a > 0) {symbol} (b > 0)`"),
            ));
        }
        match next {
            '(' | '[' | '{' => self.open.push((next, self.place)),
            ')' | ']' | '}' => self.close(next)?,
            _ => {}
        }
        self.push(TokenKind::Symbol(symbol), symbol.len());
        Ok(())
    }

    fn close(&mut self, closer: char) -> Result<(), SyntaxError> {
        match self.open.pop() {
            None => Err(self
                .error(1, format!("this `{closer}` closes nothing"))
                .with_help(format!("remove it, or open a `{}` before it", opener_of(closer)))),
            Some((opener, place)) if opener != opener_of(closer) => {
                let expected = closer_of(opener);
                let message =
                    format!("expected `{expected}` to close the `{opener}` opened here, found `{closer}`");
                Err(SyntaxError::new(Span::new(place, place + 1), message)
                    .with_help(format!("put `{expected}` before the `{closer}`, or in its place")))
            }
            Some(_) => Ok(()),
        }
    }

    fn unknown_character(&self, found: char) -> SyntaxError {
        let length = found.len_utf8();
        if found == '!' {
            return self
                .error(1, "there is no operator `!`")
                .with_help("write `~x` for the opposite of a condition, `!=` for unequal");
        }
        if let Some((_, meant)) = LOOK_ALIKES.iter().find(|(characters, _)| characters.contains(found)) {
            return self
                .error(length, format!("`{found}` (U+{:04X}) is not part of this language", u32::from(found)))
                .with_help(format!("write `{meant}`"));
        }
        if found.is_whitespace()
            || found.is_control()
            || matches!(found, '\u{200b}'..='\u{200f}' | '\u{feff}')
        {
            return self
                .error(length, format!("an invisible character, U+{:04X}, stands here", u32::from(found)))
                .with_help("remove it, or put a plain space");
        }
        self.error(length, format!("`{found}` is not part of this language"))
    }
}

fn never_closed((opener, place): (char, usize)) -> SyntaxError {
    let closer = closer_of(opener);
    SyntaxError::new(
        Span::new(place, place + 1),
        format!("expected `{closer}` to close the `{opener}` opened here"),
    )
    .with_help(format!("add the missing `{closer}`"))
}

fn closer_of(opener: char) -> char {
    match opener {
        '(' => ')',
        '[' => ']',
        _ => '}',
    }
}

fn opener_of(closer: char) -> char {
    match closer {
        ')' => '(',
        ']' => '[',
        _ => '{',
    }
}

pub(super) fn is_name_character(character: char) -> bool {
    character == '_' || character.is_alphabetic() || character.is_ascii_digit()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kinds(source: &str) -> Vec<TokenKind> {
        let mut kinds: Vec<_> = tokenize(source).unwrap().into_iter().map(|token| token.kind).collect();
        assert_eq!(kinds.pop(), Some(TokenKind::End));
        kinds
    }

    #[test]
    fn newlines_count_outside_brackets_only() {
        let separators = |source: &str| kinds(source).iter().filter(|k| **k == TokenKind::Separator).count();
        assert_eq!(separators("a\nb;c"), 2);
        assert_eq!(separators("f(a,\n# comment )\n[b,\r\n c])"), 0);
        assert_eq!(separators("a + \\\n b \\\r\n + c"), 0);
    }

    #[test]
    fn the_longest_symbol_wins() {
        let symbols = |source: &str| kinds(source).len();
        assert_eq!(symbols("**= //= <<= >>= ... ** // << >> <= >= == != :="), 14);
        assert_eq!(symbols("x[...,1]"), 6);
        assert_eq!(symbols("1..real"), 3);
        assert_eq!(symbols("x.T.sum"), 5);
    }

    #[test]
    fn errors_say_where_and_what() {
        let check = |source: &str, start: usize, end: usize, part: &str| {
            let error = tokenize(source).unwrap_err();
            assert_eq!((error.span.start, error.span.end), (start, end), "{source}: {error}");
            let all = format!("{error} | {}", error.help.as_deref().unwrap_or_default());
            assert!(all.contains(part), "{source}: {all}");
        };
        check("f(a[1)", 3, 4, "expected `]` to close the `[` opened here, found `)`");
        check("f(a, b; c", 1, 2, "expected `)` to close the `(` opened here");
        check("a + (b", 4, 5, "expected `)`");
        check("a)", 1, 2, "this `)` closes nothing");
        check("x + 'abc", 4, 8, "no end");
        check("'abc\n'", 0, 4, "no end");
        check("a × b", 2, 4, "write `*`");
        check("a − b", 2, 5, "write `-`");
        check("open(’x’)", 5, 8, "write `'`");
        check("x²", 1, 3, "write `**2`");
        check("a\u{a0}+ b", 1, 3, "U+00A0");
        check("a $ b", 2, 3, "`$` is not part");
        check("!a", 0, 1, "write `~x`");
        check("a && b", 2, 4, "write `&`");
        check("2x", 0, 2, "write `2*x`");
        check("3.real", 0, 6, "(3).real");
        check("1if", 0, 3, "a space between");
        check("1__0", 0, 4, "between two digits");
        check("1_", 0, 2, "between two digits");
        check("0x", 0, 2, "base 16");
        check("0b12", 0, 4, "base 2");
        check("007", 0, 3, "write `7`");
        check("18446744073709551616", 0, 20, "too big");
        check(&"9".repeat(100_000), 0, 100_000, "too big");
        check("f'{x}'", 0, 1, "f-strings");
        check("rb'x'", 0, 2, "without the `rb`");
        check("'''x'''", 0, 3, "three quotes");
        check(r"'\d'", 1, 3, "`\\d` in a string");
        check(r"'\ud800'", 1, 3, "no character");
        check("a \\ b", 2, 3, "joins two lines");
    }

    #[test]
    fn any_text_is_read_without_panic() {
        let parts = [
            "'", "\\", "(", ")", "1", ".", "e", "j", "_", "é", "\n", "0x", "\u{feff}", "²", "\"", "温", "x",
            "u",
        ];
        let mut state = 7_u64;
        for _ in 0..20_000 {
            let mut text = String::new();
            for _ in 0..8 {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                text.push_str(parts[(state >> 33) as usize % parts.len()]);
            }
            if let Err(error) = tokenize(&text) {
                assert!(
                    text.is_char_boundary(error.span.start) && text.is_char_boundary(error.span.end),
                    "{text:?}"
                );
                error.render(&text);
            }
        }
    }
}
