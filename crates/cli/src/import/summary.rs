//! What became of a file: how many lines went in, how many were rejected, and where both are now.
//!
//! It must not know how a line is read.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::json;

use super::FileArgument;
use crate::failure::Failure;
use crate::format::{OutputFormat, print};

/// What became of the lines of a file.
#[derive(Debug, Default)]
pub(crate) struct Summary {
    pub(super) lines: u64,
    pub(super) rejected: BTreeMap<String, u64>,
    /// Rows that the lines made.
    pub(super) rows: u64,
    pub(super) recorded: u64,
    pub(super) records: u64,
    pub(super) last_record: Option<u64>,
    pub(super) elapsed: Duration,
    pub(super) into: Option<Destination>,
    /// Where the reject file of an earlier run is now.
    pub(super) earlier_rejects: Option<PathBuf>,
}

/// Where an import went.
#[derive(Debug)]
pub(super) struct Destination {
    pub(super) ledger: PathBuf,
    pub(super) tenant: String,
    /// Whether there was no ledger in the folder before.
    pub(super) is_new: bool,
}

impl Summary {
    fn rejects(&self) -> u64 {
        self.rejected.values().sum()
    }

    /// Prints what became of the file, and fails where no line of it was right.
    pub(crate) fn tell(&self, argument: &FileArgument, is_import: bool) -> Result<(), Failure> {
        let rejects = argument.rejects()?;
        match argument.format {
            OutputFormat::Text => print(&self.text(&rejects, is_import))?,
            OutputFormat::Json => print(&format!("{}\n", self.json(&rejects, is_import)))?,
        }
        if self.lines > 0 && self.rejects() == self.lines {
            return Err(Failure::wrong_input(format!(
                "全部行被拒，见 {0} / every line was rejected, see {0}",
                rejects.display()
            )));
        }
        Ok(())
    }

    /// A fact a line, Chinese before English.
    fn text(&self, rejects: &Path, is_import: bool) -> String {
        let Summary { lines, rows, recorded, records, last_record, elapsed, .. } = self;
        let (wrong, right, ms) = (self.rejects(), lines - self.rejects(), elapsed.as_millis());
        let mut text = String::new();
        if is_import && wrong > 0 && right > 0 {
            line!(
                text,
                "部分导入：{right} 行已导入，{wrong} 行被拒 / imported in part: {right} lines went in, {wrong} were rejected"
            );
        }
        line!(
            text,
            "共 {lines} 行，{right} 行正确（{rows} 条登记），{wrong} 行被拒，{ms} 毫秒 / {lines} lines: {right} right ({rows} rows), {wrong} rejected, {ms} ms"
        );
        if is_import {
            let stood = rows - recorded;
            let (last_zh, last) = last_record.map_or_else(Default::default, |last| {
                (format!("，最后一条记录为 {last}"), format!(", the last of them {last}"))
            });
            line!(
                text,
                "新登记 {recorded} 条，写成 {records} 条记录{last_zh}；{stood} 条原已登记 / {recorded} rows recorded in {records} records{last}; {stood} stood already"
            );
        }
        if let Some(Destination { ledger, tenant, is_new }) = &self.into {
            let (made_zh, made) =
                if *is_new { ("新账本", "a new ledger") } else { ("账本", "the ledger") };
            let ledger = ledger.display();
            line!(text, "写入{made_zh} {ledger}，租户 {tenant} / into {made} in {ledger}, tenant {tenant}");
        }
        for (code, lines) in &self.rejected {
            line!(text, "被拒 / rejected: {lines} x {code}");
        }
        if wrong > 0 {
            line!(text, "被拒的行见 / rejects: {}", rejects.display());
        }
        if let Some(earlier) = &self.earlier_rejects {
            let earlier = earlier.display();
            line!(
                text,
                "以前一次的被拒文件，与本次无关 / rejects of an earlier run, not of this one: {earlier}"
            );
        }
        text
    }

    fn json(&self, rejects: &Path, is_import: bool) -> serde_json::Value {
        let mut summary = json!({
            "lines": self.lines,
            "rejected": self.rejected,
            "rejected_lines": self.rejects(),
            "rejects": (self.rejects() > 0).then(|| rejects.display().to_string()),
            "earlier_rejects": self.earlier_rejects.as_ref().map(|path| path.display().to_string()),
            "rows": self.rows,
            "elapsed_ms": u64::try_from(self.elapsed.as_millis()).unwrap_or(u64::MAX),
        });
        if is_import {
            summary["recorded"] = self.recorded.into();
            summary["records"] = self.records.into();
            summary["last_record"] = self.last_record.into();
        }
        if let Some(Destination { ledger, tenant, is_new }) = &self.into {
            summary["ledger"] = ledger.display().to_string().into();
            summary["tenant"] = tenant.as_str().into();
            summary["is_new"] = (*is_new).into();
        }
        summary
    }
}
