use crate::result::Host;

/// What this machine says of itself.
pub fn host() -> Host {
    Host {
        name: std::fs::read_to_string("/proc/sys/kernel/hostname")
            .ok()
            .map(|name| name.trim().to_owned())
            .or_else(|| std::env::var("HOSTNAME").ok())
            .or_else(|| std::env::var("COMPUTERNAME").ok())
            .filter(|name| !name.is_empty()),
        os: format!("{} {}", std::env::consts::OS, std::env::consts::ARCH),
        cpu: std::fs::read_to_string("/proc/cpuinfo")
            .ok()
            .as_deref()
            .and_then(cpu_model),
        cores: std::thread::available_parallelism()
            .ok()
            .and_then(|n| u32::try_from(n.get()).ok()),
    }
}

fn cpu_model(cpuinfo: &str) -> Option<String> {
    let line = cpuinfo.lines().find(|l| l.starts_with("model name"))?;
    let (_, model) = line.split_once(':')?;
    Some(model.trim().to_owned()).filter(|m| !m.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_model_is_read_where_it_stands() {
        let info = "processor\t: 0\nmodel name\t: Example CPU @ 3 GHz\nflags : x\n";
        assert_eq!(cpu_model(info).as_deref(), Some("Example CPU @ 3 GHz"));
        assert_eq!(cpu_model("processor : 0\n"), None);
    }
}
