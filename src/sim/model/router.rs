use crate::sim::config::RouterKind;

use super::replica::Replica;

/// Chooses replicas for requests.
pub(super) struct Router {
    kind: RouterKind,
    next: usize,
}

impl Router {
    pub(super) fn new(kind: RouterKind) -> Router {
        Router { kind, next: 0 }
    }

    /// The index in `replicas` of the one for a prompt with these block hashes.
    pub(super) fn choose(&mut self, replicas: &[Replica], hashes: &[u64]) -> usize {
        match self.kind {
            RouterKind::RoundRobin => {
                let chosen = self.next % replicas.len();
                self.next = chosen + 1;
                chosen
            }
            RouterKind::LeastOutstanding => self.least(replicas),
            RouterKind::PrefixAware => self.prefix(replicas, hashes),
        }
    }

    // Ties go round, so that an idle cluster does not send everything to its first replica.
    fn least(&mut self, replicas: &[Replica]) -> usize {
        let n = replicas.len();
        let chosen = (0..n)
            .map(|i| (self.next + i) % n)
            .min_by_key(|i| replicas[*i].outstanding())
            .unwrap_or(0);
        self.next = chosen + 1;
        chosen
    }

    // The load guard of prefix-aware routers: content decides only among replicas that are not
    // clearly busier than the least busy one.
    fn prefix(&mut self, replicas: &[Replica], hashes: &[u64]) -> usize {
        let least = self.least(replicas);
        let bound = 2 * replicas[least].outstanding() + 8;
        let mut chosen = (replicas[least].cached_blocks(hashes), least);
        for (i, replica) in replicas.iter().enumerate() {
            let cached = replica.cached_blocks(hashes);
            if cached > chosen.0 && replica.outstanding() <= bound {
                chosen = (cached, i);
            }
        }
        chosen.1
    }
}
