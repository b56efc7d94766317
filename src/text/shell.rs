use std::borrow::Cow;

/// `arg` as one word of a POSIX shell: bare where nothing in it means anything to a shell, in single
/// quotes else. A redacted secret, `${NAME}`, stays open to the shell, inside double quotes.
pub fn quote(arg: &str) -> Cow<'_, str> {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:=,@%+".contains(c);
    if !arg.is_empty() && arg.chars().all(plain) {
        return Cow::Borrowed(arg);
    }
    if !has_variable(arg) {
        return Cow::Owned(format!("'{}'", arg.replace('\'', r"'\''")));
    }
    let mut out = String::from("\"");
    for (i, c) in arg.char_indices() {
        if matches!(c, '"' | '\\' | '`') || (c == '$' && variable(&arg[i..]).is_none()) {
            out.push('\\');
        }
        out.push(c);
    }
    out.push('"');
    Cow::Owned(out)
}

fn has_variable(text: &str) -> bool {
    text.match_indices('$')
        .any(|(i, _)| variable(&text[i..]).is_some())
}

/// The name, where `text` starts with `${NAME}`.
fn variable(text: &str) -> Option<&str> {
    let name = text.strip_prefix("${")?.split_once('}')?.0;
    let valid = !name.is_empty()
        && !name.starts_with(|c: char| c.is_ascii_digit())
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    valid.then_some(name)
}

#[cfg(test)]
mod tests {
    use super::quote;

    #[test]
    fn plain_words_stay_bare() {
        assert_eq!(
            quote("--target=http://h:8000/v1"),
            "--target=http://h:8000/v1"
        );
    }

    #[test]
    fn others_are_quoted() {
        assert_eq!(quote(""), "''");
        assert_eq!(quote("chat::a[k=v]"), "'chat::a[k=v]'");
        assert_eq!(quote("it's $HOME"), r"'it'\''s $HOME'");
    }

    #[test]
    fn redacted_secrets_can_still_be_filled_in() {
        assert_eq!(quote("key=${API_KEY}"), "\"key=${API_KEY}\"");
        assert_eq!(quote("${A} `x` $5"), "\"${A} \\`x\\` \\$5\"");
    }
}
