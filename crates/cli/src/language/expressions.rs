//! Python's grammar for expressions, by precedence climbing.

use std::collections::HashSet;

use super::diagnostic::SyntaxError;
use super::lexer::TokenKind;
use super::parser::Parser;
use super::syntax::{Argument, BinaryOperator, CompareOperator, NodeId, NodeKind, Span, UnaryOperator};

/// How deep brackets and prefix operators may nest; Python's own limit for brackets.
const DEEPEST_NESTING: usize = 200;

/// How tightly the operators bind, loosest first.
mod binding {
    pub const ANYTHING: u8 = 0;
    pub const OR: u8 = 1;
    pub const AND: u8 = 2;
    pub const NOT: u8 = 3;
    pub const COMPARE: u8 = 4;
    pub const BIT_OR: u8 = 5;
    pub const BIT_XOR: u8 = 6;
    pub const BIT_AND: u8 = 7;
    pub const SHIFT: u8 = 8;
    pub const SUM: u8 = 9;
    pub const PRODUCT: u8 = 10;
    pub const SIGN: u8 = 11;
    pub const POWER: u8 = 12;
}

impl Parser {
    /// One expression, or several separated by commas: a tuple without parentheses.
    pub(super) fn expression_list(&mut self) -> Result<NodeId, SyntaxError> {
        let first = self.expression()?;
        if !self.is_symbol(",") {
            return Ok(first);
        }
        let mut items = vec![first];
        while self.take_symbol(",") {
            if matches!(self.kind(), TokenKind::Separator | TokenKind::End | TokenKind::Symbol("=")) {
                break;
            }
            items.push(self.expression()?);
        }
        let span = Span::new(self.span_of(first).start, self.previous_end());
        Ok(self.add(NodeKind::Tuple(items), span))
    }

    fn expression(&mut self) -> Result<NodeId, SyntaxError> {
        self.operators(binding::ANYTHING)
    }

    /// An expression whose operators bind at least as tightly as `loosest`.
    fn operators(&mut self, loosest: u8) -> Result<NodeId, SyntaxError> {
        if self.depth == DEEPEST_NESTING {
            return Err(self
                .error(format!("the expression nests more than {DEEPEST_NESTING} levels deep here"))
                .with_help("give a part of it a name: `part = …; … part …`"));
        }
        self.depth += 1;
        let mut left = self.operand(loosest)?;
        loop {
            if loosest == binding::ANYTHING && self.is_keyword("if") {
                left = self.conditional(left)?;
                break;
            }
            if loosest <= binding::COMPARE && self.compare_operator().is_some() {
                left = self.comparison(left)?;
                continue;
            }
            let text = match self.kind() {
                TokenKind::Symbol(text) | TokenKind::Keyword(text) => *text,
                _ => break,
            };
            let Some(operator) = BinaryOperator::from_text(text) else { break };
            let (own, right_loosest) = strength(operator);
            if own < loosest {
                break;
            }
            self.place += 1;
            let right = self.operators(right_loosest)?;
            let span = self.span_of(left).to(self.span_of(right));
            left = self.add(NodeKind::Binary { operator, left, right }, span);
        }
        self.depth -= 1;
        Ok(left)
    }

    /// `if condition else otherwise`, after the value that is chosen.
    fn conditional(&mut self, chosen: NodeId) -> Result<NodeId, SyntaxError> {
        self.place += 1;
        let condition = self.operators(binding::OR)?;
        if !self.take_keyword("else") {
            return Err(self.error(format!("expected `else`, found {}", self.found())).with_help(
                "a choice is written `a if condition else b`; for arrays use `where(condition, a, b)`",
            ));
        }
        let otherwise = self.expression()?;
        let span = self.span_of(chosen).to(self.span_of(otherwise));
        Ok(self.add(NodeKind::Conditional { condition, chosen, otherwise }, span))
    }

    /// The comparison that comes next and how many tokens it is.
    fn compare_operator(&self) -> Option<(CompareOperator, usize)> {
        let (TokenKind::Symbol(text) | TokenKind::Keyword(text)) = self.kind() else { return None };
        let following = self.tokens.get(self.place + 1).map(|token| &token.kind);
        match (*text, following) {
            ("not", Some(TokenKind::Keyword("in"))) => Some((CompareOperator::NotIn, 2)),
            ("is", Some(TokenKind::Keyword("not"))) => Some((CompareOperator::IsNot, 2)),
            _ => CompareOperator::from_text(text).map(|operator| (operator, 1)),
        }
    }

    fn comparison(&mut self, first: NodeId) -> Result<NodeId, SyntaxError> {
        let mut rest = Vec::new();
        let mut span = self.span_of(first);
        while let Some((operator, length)) = self.compare_operator() {
            self.place += length;
            let right = self.operators(binding::BIT_OR)?;
            span = span.to(self.span_of(right));
            rest.push((operator, right));
        }
        Ok(self.add(NodeKind::Compare { first, rest }, span))
    }

    /// A prefix operator with its operand, or a primary.
    fn operand(&mut self, loosest: u8) -> Result<NodeId, SyntaxError> {
        let start = self.span();
        let operator = match self.kind() {
            TokenKind::Symbol(text) | TokenKind::Keyword(text) => UnaryOperator::from_text(text),
            _ => None,
        };
        let Some(operator) = operator else { return self.primary() };
        let operand_loosest = match operator {
            UnaryOperator::Not if loosest > binding::NOT => {
                return Err(self
                    .error("a `not` cannot stand directly after another operator")
                    .with_help("put it in parentheses: `(not …)`; for arrays write `~`"));
            }
            UnaryOperator::Not => binding::NOT,
            _ => binding::SIGN,
        };
        self.place += 1;
        let operand = self.operators(operand_loosest)?;
        let span = start.to(self.span_of(operand));
        Ok(self.add(NodeKind::Unary { operator, operand }, span))
    }

    /// An atom with the attributes, calls and subscripts after it.
    fn primary(&mut self) -> Result<NodeId, SyntaxError> {
        let mut base = self.atom()?;
        loop {
            let start = self.span_of(base).start;
            let kind = match self.kind() {
                TokenKind::Symbol(".") => {
                    self.place += 1;
                    let Some((name, name_span)) = self.take_name() else {
                        return Err(
                            self.error(format!("expected a name after the `.`, found {}", self.found()))
                        );
                    };
                    NodeKind::Attribute { base, name, name_span }
                }
                TokenKind::Symbol("(") => NodeKind::Call { function: base, arguments: self.arguments()? },
                TokenKind::Symbol("[") => NodeKind::Subscript { base, index: self.index()? },
                _ => return Ok(base),
            };
            base = self.add(kind, Span::new(start, self.previous_end()));
        }
    }

    fn atom(&mut self) -> Result<NodeId, SyntaxError> {
        let span = self.span();
        let kind = match self.kind() {
            TokenKind::Name(name) if name == "Ellipsis" => NodeKind::Ellipsis,
            TokenKind::Name(name) => NodeKind::Name(name.clone()),
            TokenKind::Integer(value) => NodeKind::Integer(*value),
            TokenKind::Float(value) => NodeKind::Float(*value),
            TokenKind::Imaginary(value) => NodeKind::Imaginary(*value),
            TokenKind::Text(_) => return Ok(self.text()),
            TokenKind::Keyword("None") => NodeKind::None,
            TokenKind::Keyword(word @ ("True" | "False")) => NodeKind::Bool(*word == "True"),
            TokenKind::Symbol("...") => NodeKind::Ellipsis,
            TokenKind::Symbol("(") => return self.parenthesised(),
            TokenKind::Symbol("[") => {
                self.place += 1;
                let (items, _) = self.items("]")?;
                return Ok(self.add(NodeKind::List(items), Span::new(span.start, self.previous_end())));
            }
            TokenKind::Symbol("{") => return self.dict(),
            _ => return Err(self.no_operand()),
        };
        self.place += 1;
        Ok(self.add(kind, span))
    }

    /// Says why no operand can begin at the next token.
    fn no_operand(&self) -> SyntaxError {
        match self.kind() {
            TokenKind::Keyword("lambda") => self
                .error("`lambda` is not part of this language")
                .with_help("write the expression itself, with functions of NumPy"),
            TokenKind::Keyword("for") => comprehension(self.span()),
            TokenKind::Keyword("if" | "else" | "and" | "or" | "in" | "is")
            | TokenKind::Separator
            | TokenKind::End => self.error(format!("expected an expression, found {}", self.found())),
            TokenKind::Keyword(word) => {
                let message =
                    format!("`{word}` is a reserved word of Python that is not part of this language");
                self.error(message).with_help("if it names a variable, use another name")
            }
            TokenKind::Symbol("*" | "**") => self
                .error(format!("expected an expression, found {}", self.found()))
                .with_help("unpacking with `*` is not part of this language; write the items one by one"),
            TokenKind::Symbol("=") => {
                self.error("expected an expression, found `=`").with_help("write `==` to compare")
            }
            TokenKind::Symbol(":") => self.error("expected an expression, found `:`").with_help(
                "slices stand in brackets after an array: `x[1:5]`; elsewhere write `slice(1, 5)`",
            ),
            _ => self.error(format!("expected an expression, found {}", self.found())),
        }
    }

    /// A string, or several one after another, which are one.
    fn text(&mut self) -> NodeId {
        let start = self.span().start;
        let mut whole = String::new();
        while let TokenKind::Text(part) = self.kind() {
            whole.push_str(part);
            self.place += 1;
        }
        self.add(NodeKind::Text(whole), Span::new(start, self.previous_end()))
    }

    fn parenthesised(&mut self) -> Result<NodeId, SyntaxError> {
        let start = self.span().start;
        self.place += 1;
        let (items, has_comma) = self.items(")")?;
        let span = Span::new(start, self.previous_end());
        match items[..] {
            [only] if !has_comma => {
                self.program.nodes[only.0].span = span;
                Ok(only)
            }
            _ => Ok(self.add(NodeKind::Tuple(items), span)),
        }
    }

    /// Expressions up to the bracket `closer`, which is stepped over, and whether there was a comma.
    fn items(&mut self, closer: &str) -> Result<(Vec<NodeId>, bool), SyntaxError> {
        let mut items = Vec::new();
        let mut has_comma = false;
        while !self.take_symbol(closer) {
            items.push(self.expression()?);
            if self.take_symbol(",") {
                has_comma = true;
            } else if !self.is_symbol(closer) {
                return Err(self.no_comma(closer));
            }
        }
        Ok((items, has_comma))
    }

    /// Says what is wrong with the next token, which is neither a comma nor the bracket.
    fn no_comma(&self, closer: &str) -> SyntaxError {
        match self.kind() {
            TokenKind::Keyword("for" | "async") => comprehension(self.span()),
            TokenKind::Symbol("=") => {
                self.error("an assignment cannot stand inside brackets").with_help("write `==` to compare")
            }
            TokenKind::Symbol(":=") => self
                .error("`:=` is not part of this language")
                .with_help("write `name = …` as a statement of its own before this one"),
            TokenKind::Symbol(":") if closer != "]" => self
                .error("a `:` cannot stand here")
                .with_help("slices stand in brackets: `x[1:5]`; elsewhere write `slice(1, 5)`"),
            _ if self.starts_operand() => self
                .error(format!("a comma or an operator is missing before {}", self.found()))
                .with_help("separate items with `,`"),
            _ => self.error(format!("expected `,` or `{closer}`, found {}", self.found())),
        }
    }

    fn dict(&mut self) -> Result<NodeId, SyntaxError> {
        let start = self.span().start;
        self.place += 1;
        let mut entries = Vec::new();
        while !self.take_symbol("}") {
            let key = self.expression()?;
            if !self.take_symbol(":") {
                return Err(match self.kind() {
                    TokenKind::Symbol("," | "}") => SyntaxError::new(
                        Span::new(start, self.span().end),
                        "sets are not part of this language",
                    )
                    .with_help("write a list `[…]`, or a dictionary with `key: value`"),
                    TokenKind::Keyword("for") => comprehension(self.span()),
                    _ => self
                        .error(format!("expected `:` after the key, found {}", self.found()))
                        .with_help("a dictionary is written `{key: value}`"),
                });
            }
            let value = self.expression()?;
            entries.push((key, value));
            if !self.take_symbol(",") && !self.is_symbol("}") {
                return Err(self.no_comma("}"));
            }
        }
        Ok(self.add(NodeKind::Dict(entries), Span::new(start, self.previous_end())))
    }

    /// The arguments of a call, from `(` to `)`.
    fn arguments(&mut self) -> Result<Vec<Argument>, SyntaxError> {
        self.place += 1;
        let mut arguments: Vec<Argument> = Vec::new();
        let mut given = HashSet::new();
        while !self.take_symbol(")") {
            let keyword = match self.tokens.get(self.place + 1).map(|token| &token.kind) {
                Some(TokenKind::Symbol("=")) => self.take_name(),
                _ => None,
            };
            if let Some((name, span)) = &keyword {
                self.place += 1;
                if !given.insert(name.clone()) {
                    return Err(SyntaxError::new(*span, format!("the argument `{name}` is given twice")));
                }
            }
            let value = self.expression()?;
            let after_keyword =
                keyword.is_none() && arguments.last().is_some_and(|last| last.keyword.is_some());
            if after_keyword && !self.is_symbol("=") {
                return Err(SyntaxError::new(
                    self.span_of(value),
                    "this argument needs a keyword, for one before it has one",
                )
                .with_help("put the arguments without keyword first, or write `name=` before it"));
            }
            arguments.push(Argument { keyword, value });
            if self.take_symbol(",") || self.is_symbol(")") {
                continue;
            }
            return Err(match self.kind() {
                TokenKind::Symbol("=") => self
                    .error("only a name can stand before `=` in a call")
                    .with_help("write `==` to compare, or `name=value` for an argument with a keyword"),
                _ => self.no_comma(")"),
            });
        }
        Ok(arguments)
    }

    /// What stands in the brackets of a subscript, from `[` to `]`.
    fn index(&mut self) -> Result<NodeId, SyntaxError> {
        let start = self.span().start;
        self.place += 1;
        let mut items = Vec::new();
        let mut has_comma = false;
        while !self.take_symbol("]") {
            items.push(self.slice_or_expression()?);
            if self.take_symbol(",") {
                has_comma = true;
            } else if !self.is_symbol("]") {
                return Err(self.no_comma("]"));
            }
        }
        match items[..] {
            [] => Err(SyntaxError::new(
                Span::new(start, self.previous_end()),
                "there is no index in the brackets",
            )
            .with_help("write `[...]` or `[:]` for everything")),
            [only] if !has_comma => Ok(only),
            [first, ..] => {
                let last = items[items.len() - 1];
                let span = self.span_of(first).to(self.span_of(last));
                Ok(self.add(NodeKind::Tuple(items), span))
            }
        }
    }

    fn slice_or_expression(&mut self) -> Result<NodeId, SyntaxError> {
        let begun = self.span().start;
        let start = if self.is_symbol(":") { None } else { Some(self.expression()?) };
        if !self.take_symbol(":") {
            return match start {
                Some(only) => Ok(only),
                None => Err(self.no_operand()),
            };
        }
        let stop = self.slice_part()?;
        let step = if self.take_symbol(":") { self.slice_part()? } else { None };
        if self.is_symbol(":") {
            return Err(self
                .error("a slice has at most three parts, `start:stop:step`")
                .with_help("separate the slices of different axes with `,`"));
        }
        Ok(self.add(NodeKind::Slice { start, stop, step }, Span::new(begun, self.previous_end())))
    }

    /// The part of a slice after a `:`, if it is written.
    fn slice_part(&mut self) -> Result<Option<NodeId>, SyntaxError> {
        match self.kind() {
            TokenKind::Symbol(":" | "," | "]") => Ok(None),
            _ => self.expression().map(Some),
        }
    }
}

/// The refusal of `for` at this place.
pub(super) fn comprehension(span: Span) -> SyntaxError {
    SyntaxError::new(span, "loops and comprehensions with `for` are not part of this language")
        .with_help("write whole-array operations, or a list with its items one by one")
}

/// How tightly an operator binds, and the loosest operator its right operand may hold.
fn strength(operator: BinaryOperator) -> (u8, u8) {
    use BinaryOperator::{
        Add, And, BitAnd, BitOr, BitXor, Divide, FloorDivide, MatrixMultiply, Multiply, Or, Power, Remainder,
        ShiftLeft, ShiftRight, Subtract,
    };
    let own = match operator {
        Or => binding::OR,
        And => binding::AND,
        BitOr => binding::BIT_OR,
        BitXor => binding::BIT_XOR,
        BitAnd => binding::BIT_AND,
        ShiftLeft | ShiftRight => binding::SHIFT,
        Add | Subtract => binding::SUM,
        Multiply | Divide | FloorDivide | Remainder | MatrixMultiply => binding::PRODUCT,
        // Its right operand may have a sign: `2**-1`; and it groups from the right: `2**3**2` is `2**(3**2)`.
        Power => return (binding::POWER, binding::SIGN),
    };
    (own, own + 1)
}
