//! The elements of an output: what they are called, and where the kernel keeps them.

use relprop::Model;

/// The classes of one output.
pub struct Classes {
    /// By number in the exported model; empty where there is no label.
    labels: Vec<String>,
    /// Number in the exported model, by position in the kernel.
    user_of: Vec<usize>,
}

impl Classes {
    /// The classes of an output.
    pub fn of(model: &Model<'_>, output: usize) -> Self {
        let port = model.output(output);
        let shape = model.tensor(port.tensor).shape;
        let numbers: Vec<usize> = (0..shape.elements()).collect();
        let mut user_of = numbers.clone();
        port.to_kernel(&numbers, &mut user_of);
        let mut labels = vec![String::new(); numbers.len()];
        for (kernel, &user) in user_of.iter().enumerate() {
            // A label belongs to a channel.
            model.label(&port, kernel % shape.channels).clone_into(&mut labels[user]);
        }
        Self { labels, user_of }
    }

    /// Classes with these labels, in the kernel's order.
    #[cfg(test)]
    pub fn named(labels: &[&str]) -> Self {
        Self { labels: labels.iter().map(|&l| l.to_owned()).collect(), user_of: (0..labels.len()).collect() }
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.labels.len()
    }

    /// A class by its number or label.
    pub fn find(&self, text: &str) -> Option<usize> {
        match text.parse() {
            Ok(number) if number < self.len() => Some(number),
            _ if text.is_empty() => None,
            _ => self.labels.iter().position(|label| label == text),
        }
    }

    /// Its label, if it has one.
    pub fn label(&self, class: usize) -> Option<&str> {
        self.labels.get(class).map(String::as_str).filter(|label| !label.is_empty())
    }

    /// Whether any has a label.
    pub fn have_labels(&self) -> bool {
        self.labels.iter().any(|label| !label.is_empty())
    }

    /// What to call it: the label, or the number.
    pub fn name(&self, class: usize) -> String {
        self.label(class).map_or_else(|| format!("class {class}"), str::to_owned)
    }

    /// Which there are, for messages.
    pub fn describe(&self) -> String {
        let telling = |class: &usize| self.label(*class).is_some_and(|label| label != class.to_string());
        let named: Vec<&str> = (0..self.len()).filter(telling).filter_map(|class| self.label(class)).collect();
        let numbers = format!("classes are 0 to {}", self.len().saturating_sub(1));
        match named.as_slice() {
            [] => numbers,
            few if few.len() <= 12 => format!("{numbers}, named {}", few.join(", ")),
            many => format!("{numbers}, named {}, …", many.iter().take(12).copied().collect::<Vec<_>>().join(", ")),
        }
    }

    /// From the kernel's position to the number.
    pub fn user(&self, kernel: usize) -> usize {
        self.user_of.get(kernel).copied().unwrap_or(kernel)
    }

    /// From the number to the kernel's position.
    pub fn kernel(&self, user: usize) -> usize {
        self.user_of.iter().position(|&u| u == user).unwrap_or(user)
    }
}
