//! Layer-wise relevance propagation for JavaScript: the `relprop` kernel in a tab, in a worker, in Node.
//!
//! What can be called is documented where its users read it, in the TypeScript declarations: those of this crate's
//! functions are made from their comments, those of plain objects are in `types.d.ts`. `cargo xtask wasm` builds the
//! package.

mod explain;
mod flip;
mod heat;
mod info;
mod layout;
mod ledger;
mod memory;
mod object;
mod refusal;
mod rules;
mod scores;
mod session;
mod target;
mod words;

pub use heat::{color, paint, pixels};

use crate::explain::{Asked, Given};
use crate::flip::Flips;
use crate::memory::Kept;
use crate::object::Options;
use crate::refusal::Refusal;
use js_sys::{Array, Float32Array, Uint16Array};
use relprop::Model;
use wasm_bindgen::prelude::wasm_bindgen;
use wasm_bindgen::{JsCast, JsError, JsValue};

#[wasm_bindgen(typescript_custom_section)]
const TYPES: &'static str = include_str!("types.d.ts");

/// A network that says why.
///
/// It keeps a copy of the model and all the memory that the network needs; nothing is allocated for the network
/// afterwards. Call `free()` (or use `using`) when it is no longer needed.
#[wasm_bindgen]
pub struct Explainer {
    kept: Kept,
    given: Given,
}

#[wasm_bindgen]
impl Explainer {
    /// Loads a model.
    ///
    /// @param image the bytes of a model image (`.rlp`), as `relprop convert` writes it.
    /// @param options whether relevance is made of floats or of integers (of floats, if they are left out), and how much
    /// memory and work a model may ask for.
    /// @throws Error if the image is damaged, or made for another version, or asks for too much, or has a step that needs floats where
    /// relevance shall be of integers.
    #[wasm_bindgen(constructor)]
    pub fn new(
        image: &[u8],
        #[wasm_bindgen(unchecked_optional_param_type = "ExplainerOptions")] options: JsValue,
    ) -> Result<Self, JsError> {
        let options = Options::new("options", options, &["relevance", "maxMemory", "maxWork"])?;
        let relevance = options.text("relevance")?;
        let limits = memory::limits(&options)?;
        let fixed = match relevance.as_deref() {
            None | Some("float") => false,
            Some("fixed") => true,
            Some(_) => return Err(Refusal::argument("relevance must be \"float\" or \"fixed\"").into()),
        };
        Ok(Self { kept: memory::open(image, fixed, &limits)?, given: Given::default() })
    }

    /// What the model is: its inputs and outputs, its steps, the memory that it takes.
    #[wasm_bindgen(unchecked_return_type = "ModelInfo")]
    pub fn info(&self) -> JsValue {
        info::info(self.model())
    }

    /// Runs the network.
    ///
    /// @param input the input, in the layout of the model as it was exported (`info().inputs[0].shape`, the last axis
    /// fastest); for several inputs an array of them.
    /// @returns the scores of the first output.
    /// @throws Error, and the last run stands, if the input has the wrong length or an element that is not finite.
    #[wasm_bindgen(unchecked_return_type = "Scores")]
    pub fn run(
        &mut self,
        #[wasm_bindgen(unchecked_param_type = "Float32Array | Float32Array[]")] input: &JsValue,
    ) -> Result<JsValue, JsError> {
        let inputs = inputs(self.model(), input)?;
        let slices: Vec<&[f32]> = inputs.iter().map(Vec::as_slice).collect();
        self.kept.with_dependent_mut(|_, session| session.run(&slices)).map_err(Refusal::from)?;
        Ok(self.ran(Given { input: inputs.into_iter().next().unwrap_or_default(), ..Given::default() }))
    }

    /// Runs a network that reads tokens.
    ///
    /// @param tokens as many as there are, up to `info().maxLength`.
    /// @returns the scores of the first output.
    /// @throws Error if there are none or too many, or the network does not know one.
    #[wasm_bindgen(js_name = runTokens, unchecked_return_type = "Scores")]
    pub fn run_tokens(&mut self, tokens: &Uint16Array) -> Result<JsValue, JsError> {
        let tokens = tokens.to_vec();
        self.kept.with_dependent_mut(|_, session| session.run_tokens(&tokens)).map_err(Refusal::from)?;
        Ok(self.ran(Given { tokens, ..Given::default() }))
    }

    /// Runs a network that reads English.
    ///
    /// @param text is cut into words here; words that the network does not know are read as one that stands for all
    /// of them.
    /// @returns the scores of the first output.
    /// @throws Error if there are no words, or more than `info().maxLength`.
    #[wasm_bindgen(js_name = runText, unchecked_return_type = "Scores")]
    pub fn run_text(&mut self, text: String) -> Result<JsValue, JsError> {
        self.kept.with_dependent_mut(|_, session| session.run_text(&text)).map_err(Refusal::from)?;
        let tokens = words::tokens(self.model(), &text);
        Ok(self.ran(Given { tokens, text: Some(text), ..Given::default() }))
    }

    /// Explains the last run: which elements of the input spoke for the target, and which against it.
    ///
    /// @param options target, composite, rules; without them, the best class by `epsilon_plus`.
    /// @throws Error if nothing was run, an option is not understood, or a step's rule is missing or does not apply;
    /// the message names the step.
    #[wasm_bindgen(unchecked_return_type = "Explanation")]
    pub fn explain(
        &mut self,
        #[wasm_bindgen(unchecked_optional_param_type = "ExplainOptions")] options: JsValue,
    ) -> Result<JsValue, JsError> {
        let Self { kept, given } = self;
        let asked = Asked::read(options, kept.borrow_dependent().model(), given)?;
        Ok(kept.with_dependent_mut(|_, session| explain::explain(session, given, &asked))?)
    }

    /// Runs a network that reads English, and explains the run: `runText` and `explain` in one.
    ///
    /// @param text as for `runText`.
    /// @param options as for `explain`.
    /// @returns the explanation; its `tokens` are the words with their relevance.
    /// @throws Error as `runText` does, and the last run stands; or as `explain` does, and this run stands.
    #[wasm_bindgen(js_name = explainText, unchecked_return_type = "Explanation")]
    pub fn explain_text(
        &mut self,
        text: String,
        #[wasm_bindgen(unchecked_optional_param_type = "ExplainOptions")] options: JsValue,
    ) -> Result<JsValue, JsError> {
        self.run_text(text)?;
        self.explain(options)
    }

    /// How a class's score falls as inputs of the last run are deleted, the most relevant first, and as they are
    /// deleted at random (pixel flipping).
    ///
    /// Numbers are set to the baseline, position by position; what is there already cannot be deleted and does not
    /// count. Words are taken out, all but one. The network runs `(draws + 1) * (steps + 1)` times: for large ones
    /// `flipping` does the same in portions.
    ///
    /// @param options the relevance to go by, and what to watch.
    /// @throws Error if nothing was run, an option is not understood, or there is nothing to delete.
    #[wasm_bindgen(unchecked_return_type = "FlipCurves")]
    pub fn flip(
        &mut self,
        #[wasm_bindgen(unchecked_param_type = "FlipOptions")] options: JsValue,
    ) -> Result<JsValue, JsError> {
        let mut flipping = self.flipping(options)?;
        flipping.advance(self, None)?;
        Ok(flipping.curves())
    }

    /// The same in portions, for progress and for ends before the end.
    ///
    /// @param options as for `flip`.
    /// @throws Error as `flip` does.
    pub fn flipping(
        &self,
        #[wasm_bindgen(unchecked_param_type = "FlipOptions")] options: JsValue,
    ) -> Result<Flipping, JsError> {
        Ok(Flipping(Flips::new(options, self.model(), &self.given)?))
    }
}

impl Explainer {
    fn model(&self) -> &Model<'_> {
        self.kept.borrow_dependent().model()
    }

    /// Keeps what was given, and tells the scores.
    fn ran(&mut self, given: Given) -> JsValue {
        let scores = scores::of(self.kept.borrow_dependent());
        let told = scores::scores(self.model(), &scores);
        self.given = Given { scores, ..given };
        told
    }
}

/// Curves of `flip` in the making. Made by `Explainer.flipping`; call `free()` (or use `using`) at the end.
#[wasm_bindgen]
pub struct Flipping(Flips);

#[wasm_bindgen]
impl Flipping {
    /// Runs the network on inputs with more and more deleted, and at last on what it was run on before: `explain`
    /// still explains that.
    ///
    /// @param explainer the one that this was made by.
    /// @param passes how many inputs to run at most; all, if it is left out.
    /// @returns whether the curves are complete.
    /// @throws Error if the explainer has another model.
    pub fn advance(&mut self, explainer: &mut Explainer, passes: Option<u32>) -> Result<bool, JsError> {
        let Explainer { kept, given } = explainer;
        let passes = passes.map_or(usize::MAX, |passes| passes as usize);
        kept.with_dependent_mut(|_, session| self.0.advance(session, given, passes))?;
        Ok(self.0.ran() == self.0.passes())
    }

    /// How far it is, from 0 to 1.
    #[wasm_bindgen(getter)]
    pub fn progress(&self) -> f32 {
        self.0.ran() as f32 / self.0.passes() as f32
    }

    /// The curves, as far as they have come: the one by relevance first, then those at random, one after the other.
    #[wasm_bindgen(unchecked_return_type = "FlipCurves")]
    pub fn curves(&self) -> JsValue {
        self.0.curves()
    }
}

/// Composites by name, for `explain`.
#[wasm_bindgen(unchecked_return_type = "Composite[]")]
pub fn composites() -> JsValue {
    object::array(rules::COMPOSITES.map(JsValue::from))
}

/// Inputs in the kernel's layout.
fn inputs(model: &Model<'_>, given: &JsValue) -> Result<Vec<Vec<f32>>, Refusal> {
    let list = match given.dyn_ref::<Array>() {
        Some(list) => list.clone(),
        None => Array::of1(given),
    };
    let not_floats = || Refusal::argument("the input must be a Float32Array, or an array of them");
    list.iter()
        .enumerate()
        .map(|(i, given)| {
            let user = given.dyn_ref::<Float32Array>().ok_or_else(not_floats)?.to_vec();
            let mut kernel = user.clone();
            if i < model.inputs() {
                model.input(i).to_kernel(&user, &mut kernel);
            }
            Ok(kernel)
        })
        .collect()
}
