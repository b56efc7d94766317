//! Targets that have a name in `prony.yaml`.

use std::rc::Rc;

use super::names::{is_name, nearest};
use super::reader::{Problems, list};
use super::settings::Origin;
use super::source::Span;
use super::target_setting::TargetLayer;
use super::yaml::Node;

/// The targets of `prony.yaml`.
#[derive(Debug, Default)]
pub(super) struct NamedTargets {
    /// There is a `prony.yaml`.
    pub project: bool,
    /// Its targets could not be read, so that a name may well be one of them.
    pub broken: bool,
    pub all: Vec<NamedTarget>,
}

/// One of them.
#[derive(Debug)]
pub(super) struct NamedTarget {
    pub name: String,
    /// Absent where something is wrong with it; that is a problem already.
    pub layer: Option<TargetLayer>,
    pub origin: Rc<Origin>,
}

impl NamedTargets {
    /// The name that `node`, a `target:`, consists of.
    pub fn named_by<'n>(&self, node: &'n Node) -> Option<&'n str> {
        let scalar = node.scalar()?;
        (!node.is_null() && !node.is_broken() && !scalar.text.contains("://"))
            .then_some(scalar.text.as_str())
    }

    /// The target `name`, named at `span`; a problem where there is none.
    pub fn look_up(
        &self,
        name: &str,
        span: Span,
        problems: &mut Problems,
    ) -> Option<(TargetLayer, Rc<Origin>)> {
        match self.find(name) {
            Ok(target) => {
                let layer = target.layer.clone()?;
                Some((layer, target.origin.clone()))
            }
            Err(Some((message, help))) => {
                problems.add(span, message, help);
                None
            }
            Err(None) => None,
        }
    }

    /// The target `name`, or what is wrong and what to write, unless that is a problem already.
    pub fn find(&self, name: &str) -> Result<&NamedTarget, Option<(String, String)>> {
        if let Some(target) = self.all.iter().find(|t| t.name == name) {
            return Ok(target);
        }
        if self.broken {
            return Err(None);
        }
        let known: Vec<&str> = self.all.iter().map(|t| t.name.as_str()).collect();
        if !is_name(name) {
            return Err(Some((
                format!("`{name}` is neither the name of a target nor an address"),
                "write `target: { url: \"http://host:port/v1\" }`, or the name of a target of `prony.yaml`".to_owned(),
            )));
        }
        if known.is_empty() {
            let message = if self.project {
                format!("there is no target `{name}`: `prony.yaml` names none")
            } else {
                format!("there is no target `{name}`: there is no `prony.yaml` that names targets")
            };
            let help = format!(
                "write `targets: {{ {name}: {{ url: \"http://…/v1\" }} }}` into `prony.yaml`, beside the folder of suites"
            );
            return Err(Some((message, help)));
        }
        let help = match nearest(name, known.iter().copied()) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("`prony.yaml` names {}", list(&known)),
        };
        Err(Some((format!("there is no target `{name}`"), help)))
    }
}
