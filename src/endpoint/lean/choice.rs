use crate::endpoint::HttpSettings;

/// Which transport carries the requests to a target.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Choice {
    /// The measuring transport.
    Lean,
    /// reqwest, with the reason for which the measuring transport cannot do it.
    Reqwest(&'static str),
}

/// The transport for a target: the measuring one wherever it can do what is asked.
pub fn choose(settings: &HttpSettings) -> Choice {
    if settings.proxy_from_env {
        Choice::Reqwest("a proxy from the environment is wanted")
    } else if !settings.base_url.username().is_empty() || settings.base_url.password().is_some() {
        Choice::Reqwest("the URL holds a user name")
    } else {
        Choice::Lean
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn to(url: &str) -> HttpSettings {
        HttpSettings::new(url.parse().unwrap())
    }

    #[test]
    fn http_with_and_without_tls_is_lean_and_everything_else_says_why_not() {
        assert_eq!(choose(&to("http://127.0.0.1:8000/v1")), Choice::Lean);
        assert_eq!(choose(&to("http://[::1]:8000/v1")), Choice::Lean);
        let mut proxied = to("http://host/v1");
        proxied.proxy_from_env = true;
        let mut insecure = to("https://host/v1");
        insecure.insecure_tls = true;
        assert_eq!(choose(&insecure), Choice::Lean);
        for other in [to("http://me:secret@host/v1"), proxied] {
            assert!(matches!(choose(&other), Choice::Reqwest(_)), "{other:?}");
        }
    }
}
