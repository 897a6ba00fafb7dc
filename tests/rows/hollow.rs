//! Images of zeros whose sections have the right sizes, or not: what the header alone is refused for.

use relprop::error::{Place, Reason};
use relprop::model::format::{ALIGNMENT, MAGIC, MAX_STEPS, NONE_16, Section, VERSION, header, plan};

/// How many records of what.
#[derive(Clone, Copy)]
struct Sizes {
    records: [usize; 8],
    /// More bytes of plans than there should be.
    more_plans: usize,
    /// Bytes behind the last section.
    behind: usize,
    inputs: u16,
}

const SOUND: Sizes = Sizes { records: [1, 1, 1, 2, 0, 0, 0, 0], more_plans: 0, behind: 0, inputs: 1 };

impl Sizes {
    fn of(section: Section, count: usize) -> Self {
        let mut sizes = SOUND;
        sizes.records[section as usize] = count;
        sizes
    }

    fn image(self) -> Vec<u8> {
        let [tensors, steps, ..] = self.records;
        let mut bytes = vec![0; header::SIZE];
        let put = |bytes: &mut Vec<u8>, at: usize, value: &[u8]| bytes[at..at + value.len()].copy_from_slice(value);
        put(&mut bytes, header::MAGIC, &MAGIC);
        put(&mut bytes, header::VERSION, &VERSION.to_le_bytes());
        put(&mut bytes, header::HEADER_SIZE, &(header::SIZE as u16).to_le_bytes());
        put(&mut bytes, header::INPUTS, &self.inputs.to_le_bytes());
        put(&mut bytes, header::OUTPUTS, &1_u16.to_le_bytes());
        put(&mut bytes, header::NAME, &NONE_16.to_le_bytes());
        for section in Section::ALL {
            let plans = plan::MODES * plan::table_size(tensors, steps) + self.more_plans;
            let count = if section == Section::Plans { plans } else { self.records[section as usize] };
            bytes.resize(bytes.len().next_multiple_of(ALIGNMENT), 0);
            let entry = [bytes.len() as u32, count as u32].map(u32::to_le_bytes);
            put(&mut bytes, header::SECTIONS + 8 * section as usize, entry.as_flattened());
            bytes.resize(bytes.len() + count * section.record_size(), 0);
        }
        bytes.resize(bytes.len() + self.behind, 0);
        let size = bytes.len() as u32;
        put(&mut bytes, header::FILE_SIZE, &size.to_le_bytes());
        bytes
    }
}

/// An image without its checksum, and what it is refused for.
pub struct Hollow {
    pub what: &'static str,
    pub bytes: Vec<u8>,
    pub refused: (Place, usize, Reason),
}

/// All of them. Those that the header is not refused for have a tensor without a name, or of no size.
pub fn hollow() -> Vec<Hollow> {
    use Reason::{Bounds, Empty, Index, Reserved, Size};
    let of = |what, sizes: Sizes, refused| Hollow { what, bytes: sizes.image(), refused };
    let nameless = (Place::Tensor, 0, Index);
    let too_large = (Place::Header, 0, Size);
    let mut all = vec![
        of("sound", SOUND, nameless),
        of("no step", Sizes::of(Section::Steps, 0), (Place::Header, 0, Empty)),
        of("most steps", Sizes::of(Section::Steps, MAX_STEPS), nameless),
        of("more steps", Sizes::of(Section::Steps, MAX_STEPS + 1), too_large),
        of("most tensors", Sizes::of(Section::Tensors, usize::from(NONE_16) - 1), nameless),
        of("more tensors", Sizes::of(Section::Tensors, usize::from(NONE_16)), too_large),
        of("most strings", Sizes::of(Section::Strings, usize::from(NONE_16) - 1), (Place::Tensor, 0, Size)),
        of(
            "more strings",
            Sizes::of(Section::Strings, usize::from(NONE_16)),
            (Place::Section, Section::Strings as usize, Size),
        ),
        of("a port too many", Sizes { inputs: 2, ..SOUND }, (Place::Header, 0, Index)),
        of("longer plans", Sizes { more_plans: 16, ..SOUND }, (Place::Section, Section::Plans as usize, Size)),
        of("bytes behind", Sizes { behind: 16, ..SOUND }, (Place::Header, 0, Bounds)),
    ];
    // The operand takes two bytes, and the ports begin fourteen behind it.
    for at in [1, 14] {
        let mut bytes = SOUND.image();
        let start = header::SECTIONS + 8 * Section::Ports as usize;
        let ports = u32::from_le_bytes(bytes[start..start + 4].try_into().unwrap()) as usize;
        bytes[ports - at] = 1;
        all.push(Hollow { what: "a gap", bytes, refused: (Place::Section, Section::Ports as usize, Reserved) });
    }
    all
}
