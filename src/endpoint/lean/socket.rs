//! Reading from a socket, with the kernel's stamp of when the bytes came where it gives one.

use std::io;
use std::task::{Context, Poll, ready};

use tokio::io::Interest;
use tokio::net::TcpStream;

use crate::driver::{Driver, Nanos};

/// What one read gave.
#[derive(Clone, Copy, Debug)]
pub(super) struct Read {
    /// Bytes read; 0 at the end.
    pub(super) n: usize,
    /// When they came.
    pub(super) at: Nanos,
    /// How long they had lain by then, where the kernel said when they came.
    pub(super) lay: Option<Nanos>,
}

/// The kernel's stamp may lie this far before the earliest time it can have, because both clocks are
/// not read in the same instant. Anything more means that the wall clock was set in between.
const TOLERANCE: Nanos = 1_000_000;

/// Reads what is there into `buffer`. No bytes can have come before `floor`.
///
/// A read that does not fill the buffer has emptied the socket, so the next wait needs no further
/// read to find that out; on one token a read that halves the system calls.
pub(super) fn poll_read<D: Driver>(
    stream: &TcpStream,
    cx: &mut Context<'_>,
    driver: &D,
    buffer: &mut [u8],
    stamped: bool,
    floor: Nanos,
) -> Poll<io::Result<Read>> {
    loop {
        ready!(stream.poll_read_ready(cx))?;
        let mut short = None;
        let result = stream.try_io(Interest::READABLE, || {
            let (n, stamp) = receive(stream, buffer, stamped)?;
            if n > 0 && n < buffer.len() {
                short = Some((n, stamp));
                // Has tokio forget that the socket was readable, as its own reads do in this case.
                return Err(io::ErrorKind::WouldBlock.into());
            }
            Ok((n, stamp))
        });
        let (n, stamp) = match (short, result) {
            (Some(read), _) | (None, Ok(read)) => read,
            (None, Err(error)) => match error.kind() {
                io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted => continue,
                _ => return Poll::Ready(Err(error)),
            },
        };
        // The wall clock is read first: a delay between the readings makes the arrival seem later, at the
        // latest now, and never earlier than it was.
        let wall = stamp.and_then(|_| wall_clock());
        let now = driver.now();
        let at = stamp
            .zip(wall)
            .and_then(|(stamp, wall)| place(stamp, wall, now, floor));
        return Poll::Ready(Ok(Read {
            n,
            at: at.unwrap_or(now).max(floor),
            lay: at.map(|at| now.saturating_sub(at)),
        }));
    }
}

/// A stamp of the wall clock, which says `wall` now, in the driver's time. Its age is taken from the
/// driver's now, so that nothing has to be known about how the two clocks drift.
fn place(stamp: u64, wall: u64, now: Nanos, floor: Nanos) -> Option<Nanos> {
    let at = now.checked_sub(wall.checked_sub(stamp)?)?;
    (at.saturating_add(TOLERANCE) >= floor).then(|| at.clamp(floor, now.max(floor)))
}

#[cfg(target_os = "linux")]
fn wall_clock() -> Option<u64> {
    let mut time = libc::timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    // SAFETY: the pointer is to a timespec that lives through the call.
    let result = unsafe { libc::clock_gettime(libc::CLOCK_REALTIME, &raw mut time) };
    (result == 0).then_some(())?;
    nanos(time)
}

#[cfg(not(target_os = "linux"))]
fn wall_clock() -> Option<u64> {
    None
}

#[cfg(target_os = "linux")]
fn nanos(time: libc::timespec) -> Option<u64> {
    let seconds = u64::try_from(time.tv_sec).ok()?;
    seconds
        .checked_mul(1_000_000_000)?
        .checked_add(u64::try_from(time.tv_nsec).ok()?)
}

/// A socket that only asks for stamps.
///
/// Linux stamps packets while any socket wants it, and begins a moment after the first one asks. While
/// this one lives stamping goes on, so that it has long begun when the first answer comes.
#[cfg(unix)]
pub(super) fn keep_stamping() -> Option<std::net::UdpSocket> {
    let socket = std::net::UdpSocket::bind((std::net::Ipv4Addr::LOCALHOST, 0)).ok()?;
    stamp_arrivals(&socket).then_some(socket)
}

#[cfg(not(unix))]
pub(super) fn keep_stamping() -> Option<std::net::UdpSocket> {
    None
}

/// Asks the kernel to stamp what this socket receives; whether it will.
#[cfg(target_os = "linux")]
pub(super) fn stamp_arrivals(stream: &impl std::os::fd::AsRawFd) -> bool {
    let flags: libc::c_uint = libc::SOF_TIMESTAMPING_RX_SOFTWARE | libc::SOF_TIMESTAMPING_SOFTWARE;
    // SAFETY: the descriptor is open, and the option's value lives through the call.
    let result = unsafe {
        libc::setsockopt(
            stream.as_raw_fd(),
            libc::SOL_SOCKET,
            libc::SO_TIMESTAMPING,
            (&raw const flags).cast(),
            size_of_val(&flags) as libc::socklen_t,
        )
    };
    result == 0
}

#[cfg(not(target_os = "linux"))]
pub(super) fn stamp_arrivals<S>(_: &S) -> bool {
    false
}

/// Room for the one control message asked for: its header and three time stamps.
#[cfg(target_os = "linux")]
#[repr(C, align(8))]
struct Control([u8; 128]);

/// Reads, with the wall clock's time at which the last segment among the bytes came.
///
/// Where a read holds several segments the stamp is the last one's: for the earlier ones it is late,
/// but never later than the read itself, which is the other stamp there could be.
#[cfg(target_os = "linux")]
fn receive(
    stream: &TcpStream,
    buffer: &mut [u8],
    stamped: bool,
) -> io::Result<(usize, Option<u64>)> {
    use std::os::fd::AsRawFd;
    if !stamped {
        return receive_plain(stream, buffer);
    }
    let mut control = Control([0; 128]);
    let mut slice = libc::iovec {
        iov_base: buffer.as_mut_ptr().cast(),
        iov_len: buffer.len(),
    };
    // SAFETY: all zeros is a valid msghdr; every pointer set here is to memory that lives and is
    // not moved until the call returns, with its true length.
    let mut message: libc::msghdr = unsafe { std::mem::zeroed() };
    message.msg_iov = &raw mut slice;
    message.msg_iovlen = 1;
    message.msg_control = (&raw mut control).cast();
    message.msg_controllen = size_of::<Control>() as _;
    // SAFETY: see above; the descriptor is open.
    let n = unsafe { libc::recvmsg(stream.as_raw_fd(), &raw mut message, libc::MSG_DONTWAIT) };
    let n = usize::try_from(n).map_err(|_| io::Error::last_os_error())?;
    // SAFETY: the kernel has filled the control buffer and set its length; the macros walk it within
    // that length, and a stamp is read unaligned, only where the message is long enough for it.
    let stamp = unsafe {
        let mut found = None;
        let mut header = libc::CMSG_FIRSTHDR(&raw const message);
        while !header.is_null() {
            let long = (*header).cmsg_len as usize
                >= libc::CMSG_LEN(size_of::<libc::timespec>() as u32) as usize;
            if (*header).cmsg_level == libc::SOL_SOCKET
                && (*header).cmsg_type == libc::SCM_TIMESTAMPING
                && long
            {
                let time: libc::timespec = std::ptr::read_unaligned(libc::CMSG_DATA(header).cast());
                found = nanos(time).filter(|t| *t > 0);
            }
            header = libc::CMSG_NXTHDR(&raw const message, header);
        }
        found
    };
    Ok((n, stamp))
}

#[cfg(not(target_os = "linux"))]
fn receive(stream: &TcpStream, buffer: &mut [u8], _: bool) -> io::Result<(usize, Option<u64>)> {
    receive_plain(stream, buffer)
}

#[cfg(unix)]
pub(super) fn receive_plain(
    stream: &TcpStream,
    buffer: &mut [u8],
) -> io::Result<(usize, Option<u64>)> {
    use std::os::fd::AsRawFd;
    // SAFETY: the pointer and length are the buffer's; the descriptor is open.
    let n = unsafe {
        libc::recv(
            stream.as_raw_fd(),
            buffer.as_mut_ptr().cast(),
            buffer.len(),
            libc::MSG_DONTWAIT,
        )
    };
    let n = usize::try_from(n).map_err(|_| io::Error::last_os_error())?;
    Ok((n, None))
}

#[cfg(not(unix))]
pub(super) fn receive_plain(
    stream: &TcpStream,
    buffer: &mut [u8],
) -> io::Result<(usize, Option<u64>)> {
    use std::io::Read;
    use std::os::windows::io::{AsRawSocket, FromRawSocket};
    // SAFETY: the socket is borrowed for this call only; ManuallyDrop keeps it from being closed.
    let mut borrowed = std::mem::ManuallyDrop::new(unsafe {
        std::net::TcpStream::from_raw_socket(stream.as_raw_socket())
    });
    borrowed.read(buffer).map(|n| (n, None))
}

/// Whether an idle connection is open with nothing to read: what came unasked is no answer to the
/// request that would be sent next.
#[cfg(unix)]
pub(super) fn is_quiet(stream: &TcpStream) -> bool {
    use std::os::fd::AsRawFd;
    let mut byte = 0_u8;
    // SAFETY: one byte of room for one byte; the descriptor is open.
    let n = unsafe {
        libc::recv(
            stream.as_raw_fd(),
            (&raw mut byte).cast(),
            1,
            libc::MSG_PEEK | libc::MSG_DONTWAIT,
        )
    };
    n < 0 && io::Error::last_os_error().kind() == io::ErrorKind::WouldBlock
}

#[cfg(not(unix))]
pub(super) fn is_quiet(_: &TcpStream) -> bool {
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stamp_is_placed_by_its_age() {
        // 300 ns old by the wall clock, whatever that says.
        assert_eq!(
            place(1_700_000_000, 1_700_000_300, 5_000, 1_000),
            Some(4_700)
        );
        // Before the earliest possible time by the skew of two readings: then that time.
        assert_eq!(place(1_000, 5_000, 4_100, 500), Some(500));
    }

    #[test]
    fn a_wall_clock_that_was_set_gives_no_stamp() {
        assert_eq!(place(2_000, 1_000, 5_000, 0), None, "set back");
        let (now, floor) = (10_000_000_000, 9_999_000_000);
        assert_eq!(place(0, 1_000_000_000, now, floor), None, "set forward");
        assert_eq!(place(0, u64::MAX, 5, 0), None);
    }
}
