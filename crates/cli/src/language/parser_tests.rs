//! Tests of the parser: what it reads, shown with every grouping in brackets, and what it refuses.

use super::*;

/// The node with its children, in prefix form: `(+ a (* b c))`.
fn show(program: &Program, id: NodeId) -> String {
    let list = |ids: &[NodeId]| ids.iter().map(|&id| show(program, id)).collect::<Vec<_>>().join(" ");
    let part = |id: &Option<NodeId>| id.map_or("_".to_owned(), |id| show(program, id));
    match &program[id].kind {
        NodeKind::Name(name) => name.clone(),
        NodeKind::Integer(value) => value.to_string(),
        NodeKind::Float(value) => format!("{value:?}"),
        NodeKind::Imaginary(value) => format!("{value}j"),
        NodeKind::Text(text) => format!("{text:?}"),
        NodeKind::Bool(value) => value.to_string(),
        NodeKind::None => "None".to_owned(),
        NodeKind::Ellipsis => "...".to_owned(),
        NodeKind::List(items) => format!("[{}]", list(items)),
        NodeKind::Tuple(items) => format!("(tuple {})", list(items)),
        NodeKind::Dict(entries) => {
            let entries: Vec<_> =
                entries.iter().map(|(k, v)| show(program, *k) + ":" + &show(program, *v)).collect();
            format!("{{{}}}", entries.join(" "))
        }
        NodeKind::Unary { operator, operand } => format!("({operator} {})", show(program, *operand)),
        NodeKind::Binary { operator, left, right } => {
            format!("({operator} {} {})", show(program, *left), show(program, *right))
        }
        NodeKind::Compare { first, rest } => {
            let rest: Vec<_> = rest.iter().map(|(o, id)| format!(" {o} {}", show(program, *id))).collect();
            format!("<{}{}>", show(program, *first), rest.concat())
        }
        NodeKind::Conditional { condition, chosen, otherwise } => {
            format!(
                "(if {} {} {})",
                show(program, *condition),
                show(program, *chosen),
                show(program, *otherwise)
            )
        }
        NodeKind::Attribute { base, name, .. } => format!("{}.{name}", show(program, *base)),
        NodeKind::Call { function, arguments } => {
            let mut text = show(program, *function) + "(";
            for (place, argument) in arguments.iter().enumerate() {
                text += if place > 0 { " " } else { "" };
                if let Some((keyword, _)) = &argument.keyword {
                    text += &format!("{keyword}=");
                }
                text += &show(program, argument.value);
            }
            text + ")"
        }
        NodeKind::Subscript { base, index } => format!("{}[{}]", show(program, *base), show(program, *index)),
        NodeKind::Slice { start, stop, step } => format!("{}:{}:{}", part(start), part(stop), part(step)),
    }
}

fn read(source: &str) -> String {
    let program = parse(source).unwrap_or_else(|error| panic!("{}", error.render(source)));
    check_invariants(source, &program);
    show(&program, program.last().kind.value())
}

/// Spans lie in the text, children stand before parents, and statements own disjoint ranges.
fn check_invariants(source: &str, program: &Program) {
    for (place, node) in program.nodes.iter().enumerate() {
        assert!(source.get(node.span.start..node.span.end).is_some_and(|text| !text.is_empty()), "{node:?}");
        if let NodeKind::Binary { left, right, .. } = node.kind {
            assert!(left.0 < place && right.0 < place);
        }
    }
    let mut from = 0;
    for statement in &program.statements {
        assert!(statement.nodes.start == from && statement.nodes.contains(&statement.kind.value().0));
        from = statement.nodes.end;
    }
    assert_eq!(from, program.nodes.len());
}

#[test]
fn operators_group_as_in_python() {
    let check = |source: &str, expected: &str| assert_eq!(read(source), expected, "{source}");
    check("a + b * c", "(+ a (* b c))");
    check("a - b - c", "(- (- a b) c)");
    check("a / b // c % d @ e", "(@ (% (// (/ a b) c) d) e)");
    check("-x**2", "(- (** x 2))");
    check("2**-1", "(** 2 (- 1))");
    check("2**3**2", "(** 2 (** 3 2))");
    check("2**-x**2", "(** 2 (- (** x 2)))");
    check("-a * b", "(* (- a) b)");
    check("a * -b", "(* a (- b))");
    check("~a & b | c ^ d", "(| (& (~ a) b) (^ c d))");
    check("a << 1 + 2 & b", "(& (<< a (+ 1 2)) b)");
    check("a & b == c", "<(& a b) == c>");
    check("a < b <= c", "<a < b <= c>");
    check("(a < b) < c", "<<a < b> < c>");
    check("not a == b", "(not <a == b>)");
    check("not a and b or c", "(or (and (not a) b) c)");
    check("a or b and c", "(or a (and b c))");
    check("a not in b is not c", "<a not in b is not c>");
    check("a if b else c if d else e", "(if b a (if d c e))");
    check("a + 1 if b or c else d", "(if (or b c) (+ a 1) d)");
    check("- - ~+a", "(- (- (~ (+ a))))");
    check("-x.T[0](1)**2", "(- (** x.T[0](1) 2))");
    check("a @ b.T", "(@ a b.T)");
}

#[test]
fn primaries_are_read() {
    let check = |source: &str, expected: &str| assert_eq!(read(source), expected, "{source}");
    check("x[::2, 5000:].mean(axis=1)", "x[(tuple _:_:2 5000:_:_)].mean(axis=1)");
    check("x[1]", "x[1]");
    check("x[1,]", "x[(tuple 1)]");
    check("x[(1, 2)]", "x[(tuple 1 2)]");
    check("x[:]", "x[_:_:_]");
    check("x[a:b:c, ..., None, -1, [0, 2]]", "x[(tuple a:b:c ... None (- 1) [0 2])]");
    check("x[::]", "x[_:_:_]");
    check("x[a if b else c:d]", "x[(if b a c):d:_]");
    check("Ellipsis", "...");
    check(
        "da.random.normal(10, 0.1, size=(20, 20,), chunks={0: 5, -1: 'auto',})",
        "da.random.normal(10 0.1 size=(tuple 20 20) chunks={0:5 (- 1):\"auto\"})",
    );
    check("f()(1)(a, b=2,)", "f()(1)(a b=2)");
    check("f(a == b, c=d == e)", "f(<a == b> c=<d == e>)");
    check("()", "(tuple )");
    check("(1,)", "(tuple 1)");
    check("((1))", "1");
    check("a, b", "(tuple a b)");
    check("a,", "(tuple a)");
    check("[1, [2., True], 3j, None]", "[1 [2.0 true] 3j None]");
    check("[]", "[]");
    check("{}", "{}");
    check("'a' \"b\"", "\"ab\"");
    check("sum(\n  x, # comment\n  axis=(0,\n 1)\n)", "sum(x axis=(tuple 0 1))");
    check("a \\\n + b", "(+ a b)");
    check("température + _x1", "(+ température _x1)");
}

#[test]
fn statements_are_read() {
    let program = parse("import numpy as np, dask.array as da\nfrom numpy import mean, std\n\n  y = x + 1; y[0, 1:] = z\na, b = y\ny *= 2 # double\ny[0] **= a\nc = d = y;").unwrap();
    assert_eq!(program.imports.len(), 2);
    assert_eq!(
        (program.imports[1].module.as_str(), program.imports[1].alias.as_deref()),
        ("dask.array", Some("da"))
    );
    let mut shown = Vec::new();
    for statement in &program.statements {
        let target = |target: &Target| match target {
            Target::Name { name, .. } => name.clone(),
            Target::Item { base, index, .. } => {
                format!("{}[{}]", show(&program, *base), show(&program, *index))
            }
            Target::Names { names, .. } => {
                names.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>().join(",")
            }
        };
        let value = show(&program, statement.kind.value());
        shown.push(match &statement.kind {
            StatementKind::Expression(_) => value,
            StatementKind::Assign { targets, .. } => {
                targets.iter().map(|t| target(t) + " = ").collect::<String>() + &value
            }
            StatementKind::AugmentedAssign { target: changed, operator, .. } => {
                format!("{} {operator}= {value}", target(changed))
            }
        });
    }
    let expected = ["y = (+ x 1)", "y[(tuple 0 1:_:_)] = z", "a,b = y", "y *= 2", "y[0] **= a", "c = d = y"];
    assert_eq!(shown, expected);
}

#[test]
fn targets_are_not_evaluated() {
    let source = "(a, b) = c, d";
    let program = parse(source).unwrap();
    check_invariants(source, &program);
    assert_eq!(program.nodes.len(), 3, "{:?}", program.nodes);
    assert_eq!(parse("x[i] = y").unwrap().nodes.len(), 3);
    assert_eq!(parse("x = y = 1").unwrap().nodes.len(), 1);
}

#[test]
fn spans_cover_what_is_written() {
    let source = "(a + b) * f(x)[1:2].T";
    let program = parse(source).unwrap();
    let texts: Vec<&str> = program.nodes.iter().map(|node| &source[node.span.start..node.span.end]).collect();
    let expected =
        ["a", "b", "(a + b)", "f", "x", "f(x)", "1", "2", "1:2", "f(x)[1:2]", "f(x)[1:2].T", source];
    assert_eq!(texts, expected);
}

#[test]
fn errors_point_and_help() {
    let check = |source: &str, marked: &str, part: &str| {
        let error = parse(source).expect_err(source);
        let all = format!("{error} | {}", error.help.as_deref().unwrap_or_default());
        assert_eq!(&source[error.span.start..error.span.end], marked, "{source}: {all}");
        assert!(all.contains(part), "{source}: {all}");
        error.render(source);
    };
    check("", "", "no expression");
    check("import numpy as np", "", "no expression");
    check("a b", "b", "an operator such as `*`");
    check("f(a b)", "b", "a comma");
    check("[1 2]", "2", "a comma");
    check("{0: 1 1: 2}", "1", "a comma");
    check("a +", "", "expected an expression, found the end");
    check("a + ; b", ";", "expected an expression");
    check("a + * b", "*", "unpacking");
    check("f(*args)", "*", "one by one");
    check("f(**options)", "**", "one by one");
    check("x[a = 3]", "=", "write `==`");
    check("(a = 3)", "=", "write `==`");
    check("x + 1 = 3", "x + 1", "write `==`");
    check("f(x.y = 3)", "=", "write `==`");
    check("a if b = c else d", "=", "expected `else`");
    check("a == b = c", "a == b", "write `==`");
    check("x.shape = 3", "x.shape", "cannot be assigned");
    check("3 += 1", "3", "not a name");
    check("a, b += 1", "a, b", "not several");
    check("a, x[0] = 1", "x[0]", "names only");
    check("() = 1", "()", "no name");
    check("None = 1", "None", "not a name");
    check("lambda x: x", "lambda", "`lambda`");
    check("[i for i in x]", "for", "comprehensions");
    check("sum(i for i in x)", "for", "comprehensions");
    check("{i: i for i in x}", "for", "comprehensions");
    check("{1, 2}", "{1,", "sets");
    check("for i in x: i", "for", "`for` is not part");
    check("def f(x): return x", "def", "`def`");
    check("a + class", "class", "reserved word");
    check("x[]", "[]", "no index");
    check("x[1:2:3:4]", ":", "at most three");
    check("x[1 2]", "2", "a comma");
    check("f(1:2)", ":", "slice(1, 5)");
    check("1:2", ":", "x[1:5]");
    check("f(a=1, a=2)", "a", "twice");
    check("f(a=1, 2)", "2", "needs a keyword");
    check("f(,)", ",", "expected an expression");
    check("x.", "", "a name after the `.`");
    check("x.1", ".1", "end before a number");
    check("a + not b", "not", "in parentheses");
    check("a if b", "", "expected `else`");
    check("(y := 3)", ":=", "statement of its own");
    check("from numpy import mean as m", "as", "own name");
    check("import", "", "name of a module");
    check("a = ", "", "expected an expression");
}

#[test]
fn deep_nesting_is_an_error_and_not_a_crash() {
    for (opener, closer) in [
        ("(", ")"),
        ("[", "]"),
        ("-", ""),
        ("not ", ""),
        ("f(", ")"),
        ("x[", "]"),
        ("{0: ", "}"),
        ("2**", ""),
        ("a if b else ", ""),
    ] {
        for depth in [201, 100_000] {
            let source = format!("{}1{}", opener.repeat(depth), closer.repeat(depth));
            assert!(parse(&source).unwrap_err().message.contains("levels deep"), "{opener}");
        }
        let source = format!("{}1{}", opener.repeat(150), closer.repeat(150));
        assert!(parse(&source).is_ok(), "{opener}");
    }
}

#[test]
fn long_chains_are_read_without_recursion() {
    for (step, nodes_each) in
        [(" + a", 2), (".T", 1), ("[0]", 2), ("(1)", 2), (" < a", 1), (", a", 1), (" or a", 2)]
    {
        let program = parse(&format!("a{}", step.repeat(100_000))).unwrap();
        assert!(program.nodes.len() >= nodes_each * 100_000, "{step}");
        let copy = program.clone();
        assert!(copy == program);
    }
    assert_eq!(parse(&"a = 1;".repeat(100_000)).unwrap().statements.len(), 100_000);
}

#[test]
fn any_sequence_of_tokens_is_read_without_panic() {
    let parts =
        "a 1 ( ) [ ] , : = + - ** not in is if else == . ... ; { } lambda for += 'x' * None import as"
            .split(' ');
    let parts: Vec<&str> = parts.collect();
    let mut state = 11_u64;
    for _ in 0..50_000 {
        let mut source = String::new();
        for _ in 0..9 {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            source.push_str(parts[(state >> 33) as usize % parts.len()]);
            source.push(' ');
        }
        match parse(&source) {
            Ok(program) => check_invariants(&source, &program),
            Err(error) => assert!(error.span.end <= source.len() && error.span.start <= error.span.end),
        }
    }
}
