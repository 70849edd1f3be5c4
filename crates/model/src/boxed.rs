//! Modules on the heap.

use burn::module::{
    Content, Devices, Module, ModuleDisplay, ModuleDisplayDefault, ModuleMapper, ModuleVisitor,
};
use burn::tensor::Device;
use std::ops::Deref;

/// A module on the heap: a network of a hundred of them stays small enough for the stack of a thread. Its parameters
/// have the names that they have without it.
#[derive(Debug, Clone)]
pub struct Boxed<M>(Box<M>);

impl<M> Boxed<M> {
    pub(crate) fn new(module: M) -> Self {
        Self(Box::new(module))
    }
}

impl<M> Deref for Boxed<M> {
    type Target = M;

    fn deref(&self) -> &M {
        &self.0
    }
}

impl<M: Module> Module for Boxed<M> {
    fn collect_devices(&self, devices: Devices) -> Devices {
        self.0.collect_devices(devices)
    }

    fn fork(self, device: &Device) -> Self {
        Self::new((*self.0).fork(device))
    }

    fn to_device(self, device: &Device) -> Self {
        Self::new((*self.0).to_device(device))
    }

    fn train(self) -> Self {
        Self::new((*self.0).train())
    }

    fn valid(&self) -> Self {
        Self::new(self.0.valid())
    }

    fn materialize(self) -> Self {
        Self::new((*self.0).materialize())
    }

    fn visit<V: ModuleVisitor>(&self, visitor: &mut V) {
        self.0.visit(visitor);
    }

    fn map<T: ModuleMapper>(self, mapper: &mut T) -> Self {
        Self::new((*self.0).map(mapper))
    }
}

impl<M: ModuleDisplay> ModuleDisplayDefault for Boxed<M> {
    fn content(&self, content: Content) -> Option<Content> {
        content.add_single(&*self.0).optional()
    }
}

impl<M: ModuleDisplay> ModuleDisplay for Boxed<M> {}
