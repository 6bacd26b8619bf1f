use annulet_resp::*; use std::time::Instant; use std::hint::black_box;
fn best(name:&str, per:f64, mut f: impl FnMut()) { let mut m=f64::MAX; for _ in 0..300 { let t=Instant::now(); for _ in 0..200 { f() } m=m.min(t.elapsed().as_nanos() as f64/200.0/per); } println!("{name} {m:.1} ns"); }
fn main(){
  let v="x".repeat(300); let big=format!("*3\r\n$3\r\nSET\r\n$16\r\nkey:000000000001\r\n$300\r\n{v}\r\n");
  let v="x".repeat(5000); let big2=format!("*3\r\n$3\r\nSET\r\n$16\r\nkey:000000000001\r\n$5000\r\n{v}\r\n");
  for (name, one) in [("SET 300", big.as_bytes()), ("SET 5000", big2.as_bytes()), ("GET key", &b"*2\r\n$3\r\nGET\r\n$16\r\nkey:000000000001\r\n"[..]), ("GET short", b"*2\r\n$3\r\nGET\r\n$3\r\nkey\r\n"), ("SET", b"*3\r\n$3\r\nSET\r\n$16\r\nkey:000000000001\r\n$16\r\nxxxxxxxxxxxxxxxx\r\n")] {
  let input=one.repeat(64); let mut p=RequestParser::new(Limits::default());
  best(name, 64.0, || { let mut at=0; while at<input.len(){ match p.parse(black_box(&input[at..])) { Ok(Progress::Request{length,..})=>{ black_box(p.args(&input[at..]).len()); at+=length }, _=>panic!() } } });
  }
  let mut out=bytes::BytesMut::with_capacity(1<<20); 
  best("bulk", 64.0, || { out.clear(); for _ in 0..64 { Reply::new(&mut out,Version::Resp2).bulk(black_box(b"xxxxxxxxxxxxxxxx")); } });
  best("integer", 64.0, || { out.clear(); for _ in 0..64 { Reply::new(&mut out,Version::Resp2).integer(black_box(1234567)); } });
  best("integer 1", 64.0, || { out.clear(); for _ in 0..64 { Reply::new(&mut out,Version::Resp2).integer(black_box(1)); } });
  best("null", 64.0, || { out.clear(); for _ in 0..64 { Reply::new(&mut out,black_box(Version::Resp2)).null(); } });
}
