//! TensorFlow Lite files in a few lines, by a writer of flatbuffers that shares nothing with the reader.

/// A field of a table.
#[derive(Clone, Debug)]
pub enum Field {
    /// A byte.
    U8(u8),
    /// A number.
    I32(i32),
    /// A float.
    F32(f32),
    /// A vector of elements of this size, given as their bytes; texts and bytes too.
    Vector(usize, Vec<u8>),
    /// A table.
    Table(Fields),
    /// A vector of tables.
    Tables(Vec<Fields>),
}

/// Fields by number; those that are not listed are left out.
pub type Fields = Vec<(usize, Field)>;

pub fn text(text: &str) -> Field {
    Field::Vector(1, text.as_bytes().to_vec())
}

pub fn i32s(values: &[i32]) -> Field {
    Field::Vector(4, values.iter().flat_map(|value| value.to_le_bytes()).collect())
}

pub fn f32s(values: &[f32]) -> Field {
    Field::Vector(4, values.iter().flat_map(|value| value.to_le_bytes()).collect())
}

pub fn i64s(values: &[i64]) -> Field {
    Field::Vector(8, values.iter().flat_map(|value| value.to_le_bytes()).collect())
}

/// The file with this root.
pub fn file(root: &Fields) -> Vec<u8> {
    let mut bytes = b"\0\0\0\0TFL3".to_vec();
    let at = table(&mut bytes, root);
    bytes[..4].copy_from_slice(&(at as u32).to_le_bytes());
    bytes
}

fn align(bytes: &mut Vec<u8>) {
    bytes.resize(bytes.len().next_multiple_of(4), 0);
}

/// Appends a vtable, the table, and all that it points at; returns where the table is.
fn table(bytes: &mut Vec<u8>, fields: &Fields) -> usize {
    let count = fields.iter().map(|(index, _)| index + 1).max().unwrap_or(0);
    let mut places = vec![0_u16; count];
    for (at, (index, _)) in fields.iter().enumerate() {
        places[*index] = (4 + 4 * at) as u16;
    }
    let vtable = bytes.len();
    for half in [4 + 2 * count as u16, 4 + 4 * fields.len() as u16].into_iter().chain(places) {
        bytes.extend_from_slice(&half.to_le_bytes());
    }
    align(bytes);
    let start = bytes.len();
    bytes.extend_from_slice(&((start - vtable) as i32).to_le_bytes());
    for (_, field) in fields {
        bytes.extend_from_slice(&match field {
            Field::U8(value) => i32::from(*value).to_le_bytes(),
            Field::I32(value) => value.to_le_bytes(),
            Field::F32(value) => value.to_le_bytes(),
            _ => [0; 4],
        });
    }
    for (at, (_, field)) in fields.iter().enumerate() {
        let target = match field {
            Field::Vector(size, content) => {
                let target = bytes.len();
                bytes.extend_from_slice(&((content.len() / size) as u32).to_le_bytes());
                bytes.extend_from_slice(content);
                align(bytes);
                target
            }
            Field::Table(fields) => table(bytes, fields),
            Field::Tables(tables) => vector(bytes, tables),
            _ => continue,
        };
        point(bytes, start + 4 + 4 * at, target);
    }
    start
}

fn vector(bytes: &mut Vec<u8>, tables: &[Fields]) -> usize {
    let start = bytes.len();
    bytes.extend_from_slice(&(tables.len() as u32).to_le_bytes());
    bytes.resize(bytes.len() + 4 * tables.len(), 0);
    for (k, fields) in tables.iter().enumerate() {
        let target = table(bytes, fields);
        point(bytes, start + 4 + 4 * k, target);
    }
    start
}

fn point(bytes: &mut [u8], from: usize, to: usize) {
    bytes[from..from + 4].copy_from_slice(&((to - from) as u32).to_le_bytes());
}

/// A model in the making.
pub struct Tflite {
    codes: Vec<i32>,
    tensors: Vec<Fields>,
    buffers: Vec<Fields>,
    operators: Vec<Fields>,
    inputs: Vec<i32>,
    outputs: Vec<i32>,
}

impl Tflite {
    /// A model with one input `x`, which is tensor 0.
    pub fn new(dims: &[i32]) -> Self {
        let mut model = Self {
            codes: Vec::new(),
            tensors: Vec::new(),
            buffers: vec![Vec::new()],
            operators: Vec::new(),
            inputs: vec![0],
            outputs: Vec::new(),
        };
        model.activation("x", dims);
        model
    }

    /// Adds an activation; without extents the file says nothing of them.
    pub fn activation(&mut self, name: &str, dims: &[i32]) -> i32 {
        self.tensor(vec![(0, i32s(dims)), (3, text(name))])
    }

    /// Adds a tensor.
    pub fn tensor(&mut self, fields: Fields) -> i32 {
        self.tensors.push(fields);
        self.tensors.len() as i32 - 1
    }

    /// Adds weights.
    pub fn floats(&mut self, dims: &[i32], values: &[f32]) -> i32 {
        self.constant(dims, 0, f32s(values), None)
    }

    /// Adds a list of integers.
    pub fn ints(&mut self, values: &[i32]) -> i32 {
        self.constant(&[values.len() as i32], 2, i32s(values), None)
    }

    /// Adds a constant of a type with these bytes.
    pub fn constant(&mut self, dims: &[i32], element: u8, data: Field, quantization: Option<Fields>) -> i32 {
        let data = match data {
            Field::Vector(_, bytes) => Field::Vector(1, bytes),
            other => other,
        };
        self.buffers.push(vec![(0, data)]);
        let name = format!("w{}", self.tensors.len());
        let buffer = self.buffers.len() as i32 - 1;
        let mut fields = vec![(0, i32s(dims)), (1, Field::U8(element)), (2, Field::I32(buffer)), (3, text(&name))];
        fields.extend(quantization.map(|quantization| (4, Field::Table(quantization))));
        self.tensor(fields)
    }

    /// Adds an operator with the member of the union of options and its fields; returns what it writes.
    pub fn op(&mut self, code: i32, inputs: &[i32], options: (u8, Fields)) -> i32 {
        let output = self.activation(&format!("t{}", self.tensors.len()), &[]);
        let index = self.codes.iter().position(|other| *other == code).unwrap_or_else(|| {
            self.codes.push(code);
            self.codes.len() - 1
        });
        self.operators.push(vec![
            (0, Field::I32(index as i32)),
            (1, i32s(inputs)),
            (2, i32s(&[output])),
            (3, Field::U8(options.0)),
            (4, Field::Table(options.1)),
        ]);
        output
    }

    /// Makes the operator that writes `from` write another tensor.
    pub fn redirect(&mut self, from: i32, to: i32) -> i32 {
        let wanted = i32s(&[from]);
        for operator in &mut self.operators {
            if let (Field::Vector(_, bytes), Field::Vector(_, wanted)) = (&mut operator[2].1, &wanted)
                && bytes == wanted
            {
                *bytes = to.to_le_bytes().to_vec();
            }
        }
        to
    }

    /// Makes these tensors the inputs.
    pub fn inputs(&mut self, tensors: &[i32]) {
        self.inputs = tensors.to_vec();
    }

    /// Makes a tensor an output.
    pub fn output(&mut self, tensor: i32) {
        self.outputs.push(tensor);
    }

    /// The root of the file.
    pub fn root(&self) -> Fields {
        let codes = self.codes.iter().map(|code| vec![(0, Field::U8((*code).min(127) as u8)), (3, Field::I32(*code))]);
        let graph = vec![
            (0, Field::Tables(self.tensors.clone())),
            (1, i32s(&self.inputs)),
            (2, i32s(&self.outputs)),
            (3, Field::Tables(self.operators.clone())),
            (4, text("main")),
        ];
        vec![
            (0, Field::I32(3)),
            (1, Field::Tables(codes.collect())),
            (2, Field::Tables(vec![graph])),
            (4, Field::Tables(self.buffers.clone())),
        ]
    }

    /// The file, `output` being what the user reads.
    pub fn bytes(mut self, output: i32) -> Vec<u8> {
        self.output(output);
        file(&self.root())
    }
}
