//! What came of adopting a national answer, on the wire: identities, our own computation, variances and their causes.

use bedside_claim::{
    Adoption, ExplainedPart, Fault, FourWaySplit, Lang, OwnComputation, PublicLayers, SplitDifference,
    Variance, VarianceCause,
};

use super::{explanation, payment, text};
use crate::v1;

/// The fields of a settlement that say how its public layers came about.
pub(super) struct Wire {
    pub(super) public_layers: &'static str,
    pub(super) variances: Vec<v1::Variance>,
    pub(super) own_computation: Option<v1::OwnComputation>,
    pub(super) identities_checked: Vec<String>,
}

pub(super) fn wire(layers: &PublicLayers) -> Result<Wire, Fault> {
    let Adoption { identities, own, variances } = match layers {
        PublicLayers::Computed => {
            return Ok(Wire {
                public_layers: "computed",
                variances: Vec::new(),
                own_computation: None,
                identities_checked: Vec::new(),
            });
        }
        PublicLayers::Adopted(adoption) => adoption,
    };
    Ok(Wire {
        public_layers: "adopted",
        variances: variances.iter().map(variance).collect::<Result<_, _>>()?,
        own_computation: own.as_ref().map(own_computation),
        identities_checked: identities.iter().map(ToString::to_string).collect(),
    })
}

fn own_computation(own: &OwnComputation) -> v1::OwnComputation {
    v1::OwnComputation {
        split: Some(parts(&own.split)),
        act_pay_dedc: own.act_pay_dedc.to_string(),
        payments: own.payments.iter().map(|paid| payment(&paid.benefit, paid.amount)).collect(),
        explanation: own.explanation.iter().map(explanation::step).collect(),
    }
}

fn variance(variance: &Variance) -> Result<v1::Variance, Fault> {
    Ok(v1::Variance {
        payer_kind: variance.payer.name().to_owned(),
        adopted: variance.adopted.to_string(),
        computed: variance.computed.to_string(),
        difference: variance.difference()?.to_string(),
        causes: variance.causes.iter().map(cause).collect(),
    })
}

fn cause(part: &ExplainedPart) -> v1::VarianceCause {
    let ExplainedPart { cause, amount } = part;
    let (ours, theirs) = cause.evidence();
    let lines = match cause {
        VarianceCause::Catalogue { lines, .. } => lines.iter().map(line).collect(),
        _ => Vec::new(),
    };
    v1::VarianceCause {
        code: cause.code().to_owned(),
        text: text(&cause.text(Lang::Zh), &cause.text(Lang::En)),
        amount: amount.to_string(),
        ours: ours.unwrap_or_default(),
        theirs: theirs.unwrap_or_default(),
        lines,
    }
}

fn line(line: &SplitDifference) -> v1::SplitDifference {
    v1::SplitDifference {
        feedetl_sn: line.feedetl_sn.to_string(),
        med_list_codg: line.med_list_codg.to_string(),
        ours: Some(parts(&line.ours)),
        theirs: Some(parts(&line.theirs)),
    }
}

fn parts(split: &FourWaySplit) -> v1::FourParts {
    v1::FourParts {
        fulamt_ownpay_amt: split.fulamt_ownpay_amt.to_string(),
        overlmt_amt: split.overlmt_amt.to_string(),
        preselfpay_amt: split.preselfpay_amt.to_string(),
        inscp_scp_amt: split.inscp_scp_amt.to_string(),
    }
}
