//! Tokens to statements; the expressions in them are read by `expressions.rs`.

use super::diagnostic::SyntaxError;
use super::expressions::comprehension;
use super::lexer::{Token, TokenKind, tokenize};
use super::syntax::{
    BinaryOperator, Import, Node, NodeId, NodeKind, Program, Span, Statement, StatementKind, Target,
};

/// Reads a text: statements separated by newlines or `;`, the last one being the result.
///
/// # Errors
/// [`SyntaxError`] at the first place that is not of the language, or if there is no statement at all.
pub fn parse(source: &str) -> Result<Program, SyntaxError> {
    let tokens = tokenize(source)?;
    let program = Program { nodes: Vec::new(), statements: Vec::new(), imports: Vec::new() };
    Parser { tokens, place: 0, depth: 0, program }.run()
}

pub(super) struct Parser {
    pub(super) tokens: Vec<Token>,
    /// The token to read next; never past [`TokenKind::End`].
    pub(super) place: usize,
    /// How many calls of `operators` are under way.
    pub(super) depth: usize,
    pub(super) program: Program,
}

impl Parser {
    fn run(mut self) -> Result<Program, SyntaxError> {
        while *self.kind() != TokenKind::End {
            if *self.kind() == TokenKind::Separator {
                self.place += 1;
                continue;
            }
            match self.kind() {
                TokenKind::Keyword(word @ ("import" | "from")) => self.import(word)?,
                _ => self.statement()?,
            }
            self.end_of_statement()?;
        }
        if self.program.statements.is_empty() {
            return Err(SyntaxError::new(self.span(), "there is no expression to evaluate")
                .with_help("write one, such as `x.mean(axis=0)`"));
        }
        Ok(self.program)
    }

    // Tokens.

    pub(super) fn kind(&self) -> &TokenKind {
        &self.tokens[self.place].kind
    }

    pub(super) fn span(&self) -> Span {
        self.tokens[self.place].span
    }

    /// The place just after the last token read.
    pub(super) fn previous_end(&self) -> usize {
        self.place.checked_sub(1).map_or(0, |place| self.tokens[place].span.end)
    }

    pub(super) fn is_symbol(&self, symbol: &str) -> bool {
        matches!(self.kind(), TokenKind::Symbol(found) if *found == symbol)
    }

    pub(super) fn is_keyword(&self, word: &str) -> bool {
        matches!(self.kind(), TokenKind::Keyword(found) if *found == word)
    }

    /// Steps over the symbol if it comes next.
    pub(super) fn take_symbol(&mut self, symbol: &str) -> bool {
        let found = self.is_symbol(symbol);
        self.place += usize::from(found);
        found
    }

    /// Steps over the reserved word if it comes next.
    pub(super) fn take_keyword(&mut self, word: &str) -> bool {
        let found = self.is_keyword(word);
        self.place += usize::from(found);
        found
    }

    /// Steps over a name if one comes next.
    pub(super) fn take_name(&mut self) -> Option<(String, Span)> {
        let TokenKind::Name(name) = self.kind() else { return None };
        let named = (name.clone(), self.span());
        self.place += 1;
        Some(named)
    }

    /// The next token in words of the user.
    pub(super) fn found(&self) -> String {
        match self.kind() {
            TokenKind::Name(name) => format!("`{name}`"),
            TokenKind::Keyword(word) => format!("`{word}`"),
            TokenKind::Symbol(symbol) => format!("`{symbol}`"),
            TokenKind::Integer(_) | TokenKind::Float(_) | TokenKind::Imaginary(_) => "a number".to_owned(),
            TokenKind::Text(_) => "a string".to_owned(),
            TokenKind::Separator => "the end of the statement".to_owned(),
            TokenKind::End => "the end of the text".to_owned(),
        }
    }

    /// An error at the next token.
    pub(super) fn error(&self, message: impl Into<String>) -> SyntaxError {
        SyntaxError::new(self.span(), message)
    }

    /// Whether an operand could begin here.
    pub(super) fn starts_operand(&self) -> bool {
        match self.kind() {
            TokenKind::Keyword(word) => matches!(*word, "None" | "True" | "False" | "lambda"),
            TokenKind::Symbol(symbol) => matches!(*symbol, "(" | "[" | "{" | "..." | "~"),
            TokenKind::Separator | TokenKind::End => false,
            _ => true,
        }
    }

    // Nodes.

    pub(super) fn add(&mut self, kind: NodeKind, span: Span) -> NodeId {
        self.program.nodes.push(Node { kind, span });
        NodeId(self.program.nodes.len() - 1)
    }

    pub(super) fn span_of(&self, id: NodeId) -> Span {
        self.program.nodes[id.0].span
    }

    // Statements.

    fn import(&mut self, word: &str) -> Result<(), SyntaxError> {
        let start = self.span();
        self.place += 1;
        if word == "from" {
            self.dotted_name()?;
            if !self.take_keyword("import") {
                return Err(self.error(format!("expected `import`, found {}", self.found())));
            }
            loop {
                if self.take_name().is_none() {
                    return Err(self
                        .error(format!("expected the name of a function, found {}", self.found()))
                        .with_help("the functions of NumPy are always there; leave the import out"));
                }
                if self.is_keyword("as") {
                    return Err(self
                        .error("a function cannot be imported under another name")
                        .with_help("use it under its own name, which needs no import"));
                }
                if !self.take_symbol(",") {
                    return Ok(());
                }
            }
        }
        loop {
            let (module, span) = self.dotted_name()?;
            let mut import = Import { module, alias: None, span: start.to(span) };
            if self.take_keyword("as") {
                let Some((alias, span)) = self.take_name() else {
                    return Err(self.error(format!("expected a name after `as`, found {}", self.found())));
                };
                import.alias = Some(alias);
                import.span = start.to(span);
            }
            self.program.imports.push(import);
            if !self.take_symbol(",") {
                return Ok(());
            }
        }
    }

    fn dotted_name(&mut self) -> Result<(String, Span), SyntaxError> {
        let mut whole: Option<(String, Span)> = None;
        loop {
            let Some((name, span)) = self.take_name() else {
                return Err(self.error(format!("expected the name of a module, found {}", self.found())));
            };
            let joined = match whole {
                None => (name, span),
                Some((before, begun)) => (format!("{before}.{name}"), begun.to(span)),
            };
            if !self.take_symbol(".") {
                return Ok(joined);
            }
            whole = Some(joined);
        }
    }

    fn statement(&mut self) -> Result<(), SyntaxError> {
        let first_node = self.program.nodes.len();
        let start = self.span();
        if let TokenKind::Keyword(word) = self.kind()
            && !matches!(*word, "None" | "True" | "False" | "not" | "lambda" | "await" | "yield")
        {
            let message = format!("`{word}` is not part of this language");
            return Err(self
                .error(message)
                .with_help("statements are expressions and assignments, such as `y = x + 1; y.sum()`"));
        }

        let mut value = self.expression_list()?;
        let mut targets = Vec::new();
        let kind = if let TokenKind::Symbol(symbol) = self.kind()
            && let Some(operator) = symbol.strip_suffix('=').and_then(BinaryOperator::from_text)
        {
            let target = self.target(value, first_node)?;
            if let Target::Names { span, .. } = target {
                return Err(SyntaxError::new(
                    span,
                    format!("`{operator}=` changes one variable, not several"),
                )
                .with_help("write one statement for each"));
            }
            self.place += 1;
            value = self.expression_list()?;
            StatementKind::AugmentedAssign { target, operator, value }
        } else {
            while self.is_symbol("=") {
                targets.push(self.target(value, first_node)?);
                self.place += 1;
                value = self.expression_list()?;
            }
            match targets.is_empty() {
                true => StatementKind::Expression(value),
                false => StatementKind::Assign { targets, value },
            }
        };
        let span = Span::new(start.start, self.previous_end());
        let nodes = first_node..self.program.nodes.len();
        self.program.statements.push(Statement { kind, span, nodes });
        Ok(())
    }

    /// Turns the expression before `=` into a target; its last node leaves the arena, for it is not to be evaluated.
    fn target(&mut self, id: NodeId, first_node: usize) -> Result<Target, SyntaxError> {
        let Node { kind, span } = self.program.nodes[id.0].clone();
        match kind {
            NodeKind::Name(name) => {
                self.program.nodes.truncate(id.0);
                Ok(Target::Name { name, span })
            }
            NodeKind::Subscript { base, index } => {
                self.program.nodes.truncate(id.0);
                Ok(Target::Item { base, index, span })
            }
            NodeKind::Tuple(items) | NodeKind::List(items) => {
                let mut names = Vec::with_capacity(items.len());
                for &item in &items {
                    match &self.program.nodes[item.0] {
                        Node { kind: NodeKind::Name(name), span } => names.push((name.clone(), *span)),
                        other => {
                            return Err(SyntaxError::new(
                                other.span,
                                "several values can be assigned to names only",
                            )
                            .with_help(
                                "write one statement for each, or names separated by commas before `=`",
                            ));
                        }
                    }
                }
                if names.is_empty() {
                    return Err(SyntaxError::new(span, "there is no name to assign to"));
                }
                // The names stand one after another just before the tuple.
                self.program.nodes.truncate(items[0].0.max(first_node));
                Ok(Target::Names { names, span })
            }
            NodeKind::Attribute { .. } => Err(SyntaxError::new(span, "an attribute cannot be assigned to")
                .with_help("assign the result of a function to a name, such as `y = x.reshape(2, 3)`")),
            _ => {
                let error = SyntaxError::new(span, "this is not a name, so nothing can be assigned to it");
                Err(if self.is_symbol("=") {
                    error.with_help("write `==` to compare")
                } else {
                    error.with_help("assign to a name, such as `y = …`, or to items, such as `x[0] = …`")
                })
            }
        }
    }

    fn end_of_statement(&mut self) -> Result<(), SyntaxError> {
        if matches!(self.kind(), TokenKind::Separator | TokenKind::End) {
            return Ok(());
        }
        let found = self.found();
        let error = self.error(format!("the statement should end before {found}"));
        Err(match self.kind() {
            TokenKind::Symbol("=") => {
                self.error("a second `=` cannot stand here").with_help("write `==` to compare")
            }
            TokenKind::Symbol(":=") => self
                .error("`:=` is not part of this language")
                .with_help("write `name = …` as a statement of its own"),
            TokenKind::Symbol(":") => {
                self.error("a `:` cannot stand here").with_help("slices stand in brackets: `x[1:5]`")
            }
            TokenKind::Keyword("for") => comprehension(self.span()),
            TokenKind::Keyword("import" | "as") => error,
            _ if self.starts_operand() => error.with_help(
                "put an operator such as `*` between them, or begin a new statement with `;` or a new line",
            ),
            _ => error,
        })
    }
}

#[cfg(test)]
#[path = "parser_tests.rs"]
mod tests;
