//! Files of annotation tools against what the tools' own libraries read in them. Each
//! format has a folder with its files, a `generate.py`, and the `golden.json` that it wrote.

mod cvat;
mod darwin2;
mod golden;
mod label_studio;
mod labelme;
