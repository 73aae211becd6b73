//! URI templates as regexes: what they match, and what rewrites make of the parts they name (envoy-matching 2.7).

use smol_str::SmolStr;

use super::matchers::quoted;

/// Characters of a segment, and of text in templates.
const SEGMENT: &str = r"\-a-zA-Z0-9._~%!$&'()+,;:@=";

/// The most variables of a template, and the longest name of one.
const VARIABLES_MAX: usize = 5;
const NAME_MAX: usize = 16;

/// A template, read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Template {
    /// RE2 that the whole path matches; each variable is a group.
    pub regex: SmolStr,
    /// In order: the n-th is group n, from 1.
    variables: Vec<SmolStr>,
}

/// Reads a template such as `/videos/*/{file}.m4s`; None where Envoy refuses it.
pub(super) fn template(text: &str) -> Option<Template> {
    let mut rest = text.strip_prefix('/')?;
    let mut reader = Reader { regex: String::from("/"), variables: Vec::new(), is_over: false };
    while !rest.is_empty() {
        rest = if let Some(inner) = rest.strip_prefix('{') {
            let (variable, behind) = inner.split_once('}')?;
            reader.variable(variable)?;
            behind
        } else {
            reader.piece(rest)?
        };
        if rest == "/" {
            reader.regex.push('/');
            break;
        }
        rest = match rest.strip_prefix('/') {
            Some(more) => {
                reader.regex.push('/');
                more
            }
            // Text behind a wildcard is the end of all.
            None if !rest.is_empty() => {
                if reader.literal(rest)?.is_empty() {
                    break;
                }
                return None;
            }
            None => rest,
        };
    }
    Some(Template { regex: reader.regex.into(), variables: reader.variables })
}

struct Reader {
    regex: String,
    variables: Vec<SmolStr>,
    /// `**` came: no wildcard may follow.
    is_over: bool,
}

impl Reader {
    /// A wildcard or text at the beginning of what is left; gives what stands behind it.
    fn piece<'t>(&mut self, text: &'t str) -> Option<&'t str> {
        if !text.starts_with('*') {
            return self.literal(text);
        }
        if self.is_over {
            return None;
        }
        let (class, behind) = match text.strip_prefix("**") {
            Some(behind) => (format!("[{SEGMENT}/]*"), behind),
            None => (format!("[{SEGMENT}]+"), text.get(1..)?),
        };
        self.is_over = text.starts_with("**");
        self.regex.push_str(&class);
        Some(behind)
    }

    /// Text up to the next slash.
    fn literal<'t>(&mut self, text: &'t str) -> Option<&'t str> {
        let end = text.find('/').unwrap_or(text.len());
        let (literal, behind) = text.split_at(end);
        if !is_literal(literal) {
            return None;
        }
        self.regex.push_str(&quoted(literal));
        Some(behind)
    }

    /// `name` or `name=pattern`, without its braces.
    fn variable(&mut self, text: &str) -> Option<()> {
        let (name, pattern) = text.split_once('=').unwrap_or((text, "*"));
        let first = name.chars().next()?;
        let is_name = first.is_ascii_alphabetic() && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
        let is_new = self.variables.len() < VARIABLES_MAX && !self.variables.iter().any(|v| v == name);
        if !is_name || name.len() > NAME_MAX || !is_new || pattern.is_empty() {
            return None;
        }
        self.variables.push(name.into());
        self.regex.push('(');
        let mut rest = pattern;
        loop {
            rest = self.piece(rest)?;
            if rest.is_empty() {
                break;
            }
            rest = rest.strip_prefix('/').filter(|more| !more.is_empty())?;
            self.regex.push('/');
        }
        self.regex.push(')');
        Some(())
    }
}

fn is_literal(text: &str) -> bool {
    let is_part = |c: char| c.is_ascii_alphanumeric() || "-._~%!$&'()+,;:@=".contains(c);
    !text.is_empty() && text.chars().all(is_part)
}

impl Template {
    /// Pattern and substitution of the regex rewrite that a template of paths to be made comes to; None where Envoy refuses it.
    pub(super) fn rewrite(&self, to: &str) -> Option<(SmolStr, SmolStr)> {
        let mut rest = to.strip_prefix('/')?;
        let mut substitution = String::from("/");
        while !rest.is_empty() {
            if let Some(inner) = rest.strip_prefix('{') {
                let (name, behind) = inner.split_once('}')?;
                let group = self.variables.iter().position(|v| v == name)? + 1;
                substitution.push_str(&format!("\\{group}"));
                rest = behind;
                continue;
            }
            let (literal, behind) = rest.split_at(rest.find('{').unwrap_or(rest.len()));
            if !literal.split('/').all(|part| part.is_empty() || is_literal(part)) || literal.contains("//") {
                return None;
            }
            substitution.push_str(literal);
            rest = behind;
        }
        Some((format!("^{}$", self.regex).into(), substitution.into()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::envoy::path::rewrite_regex;
    use crate::envoy::re2::{Encoding, Re2};

    #[test]
    fn s2_7_templates() {
        for (text, path, holds) in [
            ("/videos/*/*/*.m4s", "/videos/123414/hls/1080p5000_00001.m4s", true),
            ("/videos/*/*.m4s", "/videos/a/b/c.m4s", false),
            ("/videos/{file}", "/videos/1080p5000_00001.m4s", true),
            ("/videos/{file}", "/videos/", false),
            ("/**.mpd", "/content/123/india/dash/55/manifest.mpd", true),
            ("/a/**", "/a/", true),
            ("/a/**", "/a", false),
            ("/a/{rest=b/*}/c", "/a/b/x/c", true),
            ("/a/{rest=b/*}/c", "/a/x/x/c", false),
            ("/a/", "/a", false),
            ("/a/", "/a/", true),
            ("/a.b", "/axb", false),
            ("/a/*", "/a/b=c", true),
            ("/a/*", "/a/b*", false),
            ("/", "/", true),
        ] {
            let template = template(text).expect(text);
            let re2 = Re2::new(&template.regex, Encoding::Latin1).expect("a regex");
            assert_eq!(re2.full_match(path.as_bytes()), holds, "{text} on {path}");
        }
        for refused in [
            "a",
            "/{a}/{a}",
            "/{1}",
            "/{a=}",
            "/**/*",
            "/a*b/c",
            "/{a",
            "/a b",
            "/{a}/{b}/{c}/{d}/{e}/{f}",
            "/a//b",
            "/{a=b/}",
        ] {
            assert_eq!(template(refused), None, "{refused}");
        }
    }

    #[test]
    fn s2_7_rewrites() {
        for (text, to, path, wanted) in [
            ("/{a}/{b}/c", "/x/{b}/{a}", "/one/two/c?q=1", "/x/two/one?q=1"),
            ("/api/{rest=**}", "/{rest}", "/api/v1/x", "/v1/x"),
            ("/{a}", "/{a}.{a}", "/x", "/x.x"),
        ] {
            let (pattern, substitution) = template(text).and_then(|t| t.rewrite(to)).expect(text);
            let re2 = Re2::new(&pattern, Encoding::Latin1).expect("a regex");
            let made = rewrite_regex(path.as_bytes(), &re2, &substitution).expect("a path");
            assert_eq!(String::from_utf8_lossy(&made), wanted, "{text}");
        }
        for refused in ["x", "/{other}", "/{a", "/a*"] {
            assert_eq!(template("/{a}").and_then(|t| t.rewrite(refused)), None, "{refused}");
        }
    }
}
