//! Names of the networks.

use crate::config::{Padding, Variant};
use crate::descriptor::{Descriptor, Family};
use crate::families::MEMBERS;
use crate::head::Head;
use crate::trainable::Preset;
use serde::de::{self, Deserialize, Deserializer, EnumAccess, VariantAccess, Visitor};
use serde::ser::{Serialize, Serializer};
use std::fmt;
use std::str::FromStr;
use std::sync::OnceLock;

/// The name of a network, and all that the network says of itself. The file of each family in
/// `families` has its constants.
#[derive(Clone, Copy)]
pub struct Architecture {
    pub(crate) descriptor: &'static Descriptor,
}

impl Architecture {
    /// Every architecture, family by family.
    pub fn all() -> impl Iterator<Item = Self> {
        Self::by_family().flatten().copied()
    }

    /// The architectures of each family, the smallest first.
    pub fn by_family() -> impl Iterator<Item = &'static [Self]> {
        MEMBERS.iter().copied()
    }

    /// The name in configurations and on the command line: torchvision's, else timm's, else Keras'.
    pub const fn name(self) -> &'static str {
        self.descriptor.name
    }

    /// Number of feature maps before the head.
    pub fn num_features(self) -> usize {
        self.descriptor.blueprint.num_features()
    }

    /// The name of the matrix of the linear layer that gives the logits.
    pub fn head_matrix(self) -> String {
        format!("{}.weight", self.family().head.linear)
    }

    /// Height and width in pixels that published weights were trained for, or are evaluated with.
    pub const fn input_side_px(self) -> u32 {
        self.descriptor.input_side_px
    }

    /// Published weights: the name they are asked for by, and the file, whose name ends in the first
    /// eight digits of its SHA-256.
    pub const fn weights(self) -> &'static [(&'static str, &'static str)] {
        self.descriptor.weights
    }

    /// Name of the standardization of images that [`Self::weights`] take.
    pub const fn normalization(self) -> &'static str {
        self.descriptor.family.normalization
    }

    /// Name of the standardization of images that Keras' own weights take, where the network leaves it to its user.
    ///
    /// # Source
    /// Keras 3, `preprocess_input` in the files of `keras/src/applications`.
    pub const fn keras_normalization(self) -> Option<&'static str> {
        self.descriptor.family.keras_normalization
    }

    /// What the DermX study let learn of this network, if it trained it.
    pub const fn recipe(self) -> Option<&'static Preset> {
        self.descriptor.recipe.as_ref()
    }

    /// The families with a network that `is_so`, for a message: "a ResNet or an EfficientNet".
    pub fn families(is_so: impl Fn(Self) -> bool) -> String {
        let mut names: Vec<&str> =
            Self::all().filter(|one| is_so(*one)).map(|one| one.family().name).collect();
        names.dedup();
        names.join(" or ")
    }

    /// Whether there is such a kind of it.
    pub fn takes_variant(self, variant: Variant) -> bool {
        self.family().variants.contains(&variant)
    }

    /// Whether it can be computed with that padding.
    pub fn takes_padding(self, padding: Padding) -> bool {
        self.family().paddings.contains(&padding)
    }

    /// The head that it has unless told otherwise: with global average pooling where it can have that.
    pub fn usual_head(self) -> Head {
        match self.takes_head(Head::Gap) {
            true => Head::Gap,
            false => self.family().heads[0],
        }
    }

    /// Whether its last stage that strides can have that stride; see
    /// [`crate::NetworkConfig::last_stride`].
    pub fn takes_last_stride(self, last_stride: usize) -> bool {
        self.descriptor.blueprint.takes_last_stride(last_stride)
    }

    /// Whether it can have that head.
    pub fn takes_head(self, head: Head) -> bool {
        self.family().heads.contains(&head)
    }

    /// Whether it can tell concepts, and classes from them; see [`crate::NetworkConfig::concept_head`].
    pub fn takes_concept_head(self) -> bool {
        self.takes_head(Head::Gap) && self.descriptor.blueprint.pools_last_tap()
    }

    pub(crate) const fn family(self) -> &'static Family {
        self.descriptor.family
    }
}

impl PartialEq for Architecture {
    fn eq(&self, other: &Self) -> bool {
        self.name() == other.name()
    }
}

impl Eq for Architecture {}

impl fmt::Debug for Architecture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl fmt::Display for Architecture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Architecture {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        Self::all().find(|architecture| architecture.name() == name).ok_or_else(|| {
            format!("`{name}` is not an architecture; there are: {}", names().join(", "))
        })
    }
}

/// The names of all architectures.
fn names() -> &'static [&'static str] {
    static NAMES: OnceLock<Vec<&'static str>> = OnceLock::new();
    NAMES.get_or_init(|| Architecture::all().map(Architecture::name).collect())
}

impl Serialize for Architecture {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

/// As an enumeration of names, so that whoever lists the words of a key finds them all.
impl<'de> Deserialize<'de> for Architecture {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_enum("Architecture", names(), ByName)
    }
}

struct ByName;

impl<'de> Visitor<'de> for ByName {
    type Value = Architecture;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the name of an architecture")
    }

    fn visit_enum<A: EnumAccess<'de>>(self, data: A) -> Result<Architecture, A::Error> {
        let (name, unit): (String, A::Variant) = data.variant()?;
        unit.unit_variant()?;
        name.parse().map_err(|_| de::Error::unknown_variant(&name, names()))
    }
}
