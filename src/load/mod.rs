//! One run driven.
