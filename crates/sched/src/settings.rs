//! What every scheduler can be told, and tells.

/// The settings that all schedulers of one process have.
macro_rules! scheduler_settings {
    ($name:ident) => {
        impl $name {
            /// Lets a run hold at most this many bytes.
            pub fn memory(mut self, bytes: usize) -> Self {
                self.options.memory = bytes;
                self
            }

            /// Lets values that the memory has no room for go to files in this directory, rather than beside what is
            /// stored.
            pub fn spill(mut self, directory: impl Into<std::path::PathBuf>) -> Self {
                self.options.spill = Some(std::sync::Arc::new($crate::spill::SpillDirectory::new(directory)));
                self
            }

            /// Says whether those files are compressed; without it, where the disk is slow.
            pub fn spill_codec(mut self, codec: brickwork_core::SpillCodec) -> Self {
                self.options.spill_codec = codec;
                self
            }

            /// Lets somebody watch.
            pub fn observer(mut self, observer: Arc<dyn Observer>) -> Self {
                self.observers.push(observer);
                self
            }

            /// Lets a token stop its runs.
            pub fn cancelled_by(mut self, cancel: CancelToken) -> Self {
                self.cancel = cancel;
                self
            }

            /// Runs a task again whose failure may pass.
            pub fn retries(mut self, retries: $crate::policy::Retries) -> Self {
                self.policy.retries = retries;
                self
            }

            /// Stops runs that take longer.
            pub fn deadline(mut self, limit: std::time::Duration) -> Self {
                self.policy.deadline = Some(limit);
                self
            }

            /// Tells observers who waits for whom when no task has ended for so long.
            pub fn stalled_after(mut self, quiet: std::time::Duration) -> Self {
                self.policy.stalled_after = quiet;
                self
            }

            /// Forces grids, patches, tiles or fusing: for tests that show that results do not depend on them.
            pub fn forced(mut self, change: impl FnOnce(&mut PlanOptions)) -> Self {
                change(&mut self.options);
                self
            }
        }

        impl std::fmt::Debug for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.debug_struct(stringify!($name)).field("options", &self.options).finish_non_exhaustive()
            }
        }
    };
}
pub(crate) use scheduler_settings;

/// What a scheduler answers about its settings, within its `impl Scheduler`.
macro_rules! settings_told {
    () => {
        fn options(&self) -> PlanOptions {
            self.options.clone()
        }

        fn observers(&self) -> &[Arc<dyn Observer>] {
            &self.observers
        }

        fn cancel_token(&self) -> CancelToken {
            self.cancel.clone()
        }

        fn policy(&self) -> Policy {
            self.policy
        }
    };
}
pub(crate) use settings_told;
