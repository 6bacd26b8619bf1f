use std::io::BufRead;
fn main(){ for l in std::io::stdin().lock().lines(){ let l=l.unwrap(); let b=u64::from_str_radix(l.trim(),16).unwrap();
 let mut out=bytes::BytesMut::new(); annulet_resp::Reply::new(&mut out, annulet_resp::Version::Resp3).double(f64::from_bits(b)); print!("{}", String::from_utf8_lossy(&out[1..])); } }
