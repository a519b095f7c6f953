//! How RocksDB is tuned for this job: many small synced appends, short scans, a modest memory.

use heartline_execution::Namespace;
use rocksdb::{
    BlockBasedIndexType, BlockBasedOptions, Cache, ColumnFamilyDescriptor, DBCompressionType,
    DBRecoveryMode, Env, LogLevel,
};

use crate::{archive, codec::ID_LEN};

/// What a deployment may want to change; everything else is fixed below with its reason.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// Memory for blocks that were read, indexes and filters included.
    pub block_cache_bytes: usize,
    /// Memory for writes that are only in the WAL yet, over all column families. Also bounds the
    /// WAL (twice this) and so the time a start takes after a crash.
    pub write_buffer_bytes: usize,
    /// File descriptors kept open for tables.
    pub max_open_files: u32,
    /// Threads for flushes and compactions together.
    pub background_jobs: u32,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            // The live set is small and hot; history is read rarely and in order. With the write
            // buffers the whole stays well under 100 MiB.
            block_cache_bytes: 24 << 20,
            // Some 100,000 events: enough that flushes are rare, little enough to replay at once.
            write_buffer_bytes: 32 << 20,
            // Far below the usual limit of 1,024, which sockets need as well.
            max_open_files: 256,
            // One flush and one compaction at a time leave the second core to the server.
            background_jobs: 2,
        }
    }
}

/// Events: key is namespace, execution, seq.
pub(crate) const EVENTS: &str = "events";
/// Summary, snapshot, lifecycle index and idempotency key of each execution.
pub(crate) const EXECUTIONS: &str = "executions";
/// Standings of live executions.
pub(crate) const LIVE: &str = "live";
/// List indexes.
pub(crate) const LISTS: &str = "lists";
/// What is set on queues.
pub(crate) const QUEUES: &str = "queues";
/// What each client key was used for.
pub(crate) const IDEMPOTENCY: &str = "idempotency";
/// Epoch.
pub(crate) const META: &str = "meta";

/// Every column family of this format, next to RocksDB's own `default`, which stays empty.
const FAMILIES: [&str; 7] = [EVENTS, EXECUTIONS, LIVE, LISTS, QUEUES, IDEMPOTENCY, META];

/// Files of RocksDB's own log kept for a person; each at most [`INFO_LOG_BYTES`].
const INFO_LOGS: usize = 3;
/// Bytes of each.
const INFO_LOG_BYTES: usize = 1 << 20;

impl Options {
    /// For the database as a whole. `create` only where the folder holds none: RocksDB would
    /// otherwise start an empty one over a damaged one.
    pub(crate) fn database(&self, create: bool) -> rocksdb::Options {
        let mut options = rocksdb::Options::default();
        options.create_if_missing(create);
        // An older format may have had fewer.
        options.create_missing_column_families(true);
        // A write that was cut short by a crash was never acknowledged; anything else is damage.
        // This mode rules out recycled WAL files (`recycle_log_file_num`): RocksDB turns them off.
        options.set_wal_recovery_mode(DBRecoveryMode::TolerateCorruptedTailRecords);
        options.set_track_and_verify_wals_in_manifest(true);
        options.set_paranoid_checks(true);
        // Every batch is written and synced at once by one thread; pipelining overlaps writers.
        options.set_manual_wal_flush(false);
        options.set_enable_pipelined_write(false);
        options.set_allow_concurrent_memtable_write(false);
        options.set_db_write_buffer_size(self.write_buffer_bytes);
        options.set_max_total_wal_size(self.write_buffer_bytes as u64 * 2);
        options.set_max_open_files(clamped(self.max_open_files));
        options.set_max_background_jobs(clamped(self.background_jobs));
        // Smooths the writing of tables, which would otherwise delay the WAL's syncs in bursts.
        options.set_bytes_per_sync(1 << 20);
        // Logs that are no longer needed go to the archive, where the sweeper removes them.
        options.set_wal_ttl_seconds(archive::LEFT_ALONE_SECS);
        // Commits first: flushes and compactions take the processor time that they leave. A flush
        // that gets too little holds writes up, which leaves it more. Where the system has no
        // environment of its own to give, all runs at one priority, which is slower but right.
        if let Ok(mut env) = Env::new() {
            env.lower_thread_pool_cpu_priority();
            env.lower_high_priority_thread_pool_cpu_priority();
            options.set_env(&env);
        }
        options.set_keep_log_file_num(INFO_LOGS);
        options.set_max_log_file_size(INFO_LOG_BYTES);
        options.set_log_level(LogLevel::Warn);
        options.set_stats_dump_period_sec(0);
        options.set_stats_persist_period_sec(0);
        options
    }

    /// Every column family, tuned.
    pub(crate) fn families(&self) -> Vec<ColumnFamilyDescriptor> {
        let cache = Cache::new_lru_cache(self.block_cache_bytes);
        FAMILIES
            .into_iter()
            .map(|name| ColumnFamilyDescriptor::new(name, self.family(name, &cache)))
            .collect()
    }

    fn family(&self, name: &str, cache: &Cache) -> rocksdb::Options {
        let mut table = BlockBasedOptions::default();
        table.set_block_cache(cache);
        table.set_block_size(16 * 1024);
        // Says of a new execution that it does not exist, mostly without reading a block.
        table.set_bloom_filter(10.0, false);
        // Indexes and filters count against the cache and are read piece by piece, so that memory
        // does not grow with the disk.
        table.set_cache_index_and_filter_blocks(true);
        table.set_index_type(BlockBasedIndexType::TwoLevelIndexSearch);
        table.set_partition_filters(true);
        table.set_pin_l0_filter_and_index_blocks_in_cache(true);
        table.set_pin_top_level_index_and_filter(true);

        // Without it inserts are slower and just as right.
        let placing = place_bytes(name).and_then(|bytes| placing_by(bytes).ok());
        let mut options = placing.unwrap_or_default();
        options.set_block_based_table_factory(&table);
        // lz4 costs next to nothing; most bytes end up at the bottom, where zstd pays.
        options.set_compression_type(DBCompressionType::Lz4);
        options.set_bottommost_compression_type(DBCompressionType::Zstd);
        // A young store compacts straight to the bottom, so zstd is on the busy path: its fastest
        // level (window -14 is RocksDB's default) and no dictionary.
        options.set_bottommost_compression_options(-14, 1, 0, 0, true);
        options.set_level_compaction_dynamic_level_bytes(true);
        options.set_write_buffer_size(self.write_buffer_bytes / 2);
        options.set_max_write_buffer_number(3);
        // A burst may run ahead of compaction; slow writers down late.
        options.set_level_zero_slowdown_writes_trigger(32);
        options.set_level_zero_stop_writes_trigger(64);
        if name == EVENTS {
            // Most of the bytes: merge rarely, in larger steps.
            options.set_level_zero_file_num_compaction_trigger(8);
        } else {
            // Rows that change and go: scans must not wade through deleted ones.
            options.add_compact_on_deletion_collector_factory(4096, 2048, 0.5);
        }
        options
    }
}

/// How many first bytes of a key say where in the memtable it belongs; `None` where rows are few.
///
/// For each such beginning RocksDB remembers where it last inserted, and looks from there: the next
/// event of a log and the newest row of a list are put in place without a search. The lengths fit
/// the default namespace; in another one an insert merely searches further.
fn place_bytes(family: &str) -> Option<usize> {
    let namespace = 1 + Namespace::default_namespace().as_str().len();
    match family {
        EVENTS => Some(namespace + ID_LEN),
        // Which facet, and the phase or the length of the value; the newest row comes first.
        LISTS => Some(namespace + 2),
        // What the row is about, and the kind of execution; ids grow with time.
        EXECUTIONS => Some(namespace + 2),
        LIVE => Some(namespace + 1),
        _ => None,
    }
}

/// Options with which inserts begin at the last place for the same first bytes of a key. The
/// bindings know these options as text only.
fn placing_by(bytes: usize) -> Result<rocksdb::Options, rocksdb::Error> {
    let text = format!("memtable_insert_with_hint_prefix_extractor=rocksdb.FixedPrefix.{bytes}");
    rocksdb::Options::default().get_options_from_string(text)
}

fn clamped(count: u32) -> i32 {
    i32::try_from(count.max(1)).unwrap_or(i32::MAX)
}

/// Whether every one of these column families is known to this format.
pub(crate) fn unknown_family(found: &[String]) -> Option<&str> {
    found
        .iter()
        .map(String::as_str)
        .find(|name| *name != rocksdb::DEFAULT_COLUMN_FAMILY_NAME && !FAMILIES.contains(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rocksdb_knows_how_to_remember_places() {
        let placed = FAMILIES.into_iter().filter_map(place_bytes);
        let known = placed.map(|bytes| placing_by(bytes).map(drop));
        assert_eq!(known.collect::<Vec<_>>(), [Ok(()), Ok(()), Ok(()), Ok(())]);
        assert!(rocksdb::Options::default().get_options_from_string("no_such_option=1").is_err());
    }
}
